/** Owns the conformance suite of the port `AppHost`: what every implementation is held to. */
import { chmodSync, chownSync, readFileSync, statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AppHost, KnownVersion } from '../../../activities/ports/app-host.js';
import type { AppHostConnector } from '../../../activities/ports/connector.js';
import { Secret } from '../../../activities/ports/secret.js';
import type { ConsumerSpec } from '../../../workflows/domain/credential.js';
import { isStopped } from '../../../workflows/domain/regenerate.js';
import { isConverged } from '../../../workflows/domain/revoke.js';
import { changesNothing, expectNoSecret, failure, never, until } from './expect.js';

export type DeliverableVersion = KnownVersion & { readonly secret: Secret };

/** A program as it is before each test: running, on `current`. */
export interface AppHostWorld {
  readonly host: AppHost;
  /** The same host, opened once more as another worker would. */
  readonly reopened: () => Promise<AppHost>;
  readonly consumer: ConsumerSpec;
  /** Declared like the other, but there is no such program. */
  readonly missing: ConsumerSpec;
  readonly current: DeliverableVersion;
  /**
   * A version that the vendor accepts once it is made. In place, making it ends the current one.
   */
  readonly next: () => Promise<DeliverableVersion>;
  /**
   * What the source holds, as the file or the vendor itself knows it; null where nobody can look.
   */
  readonly held: (() => Promise<string>) | null;
  /** The source itself, where rekey writes a file of this machine. */
  readonly file?: string;
  /**
   * Where a person carries it out: puts the version that lies ready into the program, and says so.
   */
  readonly person?: (version: DeliverableVersion) => Promise<void>;
  /**
   * The fingerprint of the secret that the program works with, as its vendor or its own log knows
   * it.
   */
  readonly used: () => Promise<string | null>;
  /** What nobody may see. */
  readonly secrets: () => Promise<readonly string[]>;
  /** What the host was asked over a wire while `act` ran; only where that can be known. */
  readonly asked?: (act: () => Promise<void>) => Promise<readonly unknown[]>;
  readonly end?: () => Promise<void>;
}

export type HostAbility = 'undeploy' | 'deploy' | 'readSecret' | 'consumersNamed' | 'manual' | 'identityOf';
export const optional = [
  'undeploy',
  'deploy',
  'readSecret',
  'identityOf',
  'consumersNamed',
  'manual',
] as const satisfies readonly HostAbility[];

export interface AppHostSubject {
  readonly connector: AppHostConnector;
  readonly abilities: readonly HostAbility[];
  /** Whether rekey itself writes the source, a file of this machine. */
  readonly writesFile?: boolean;
  /** Called before each test. */
  readonly world: () => Promise<AppHostWorld>;
}

export const ledger = 'ledger-a';

function ownerOf(file: string): { mode: number; uid: number; gid: number } {
  const { mode, uid, gid } = statSync(file);
  return { mode, uid, gid };
}

export function describeAppHost(subject: AppHostSubject): void {
  const { kind } = subject.connector.config;
  const has = (ability: HostAbility) => subject.abilities.includes(ability);

  describe(`${kind} as an app host`, () => {
    let world: AppHostWorld;
    const inspect = (known: readonly KnownVersion[], consumer = world.consumer) => world.host.inspect(consumer, known, never());
    const deliver = (version: DeliverableVersion, number = 1, ledgerId = ledger) =>
      world.host.deliver({ consumer: world.consumer, version, otherKeys: [], fence: { ledgerId, number } }, never());
    const secrets = () => world.secrets();

    describe('keeps its promises:', () => {
      beforeEach(async () => {
        world = await subject.world();
      });
      afterEach(() => world.end?.());

      it('declares the abilities that it has, and has those that it declares', () => {
        const { host } = world;
        expect(host.kind).toBe(kind);
        expect(optional.filter((name) => host[name] !== undefined).sort()).toEqual([...subject.abilities].sort());
        expect(host.capabilities).toMatchObject({ deploys: has('undeploy') && has('deploy'), readsSecret: has('readSecret') });
        expect(subject.connector.config.findsConsumers).toBe(has('consumersNamed'));
      });

      it('has an identity that stays and is no secret', async () => {
        const identity = await world.host.identity(never());
        expect(identity).not.toBe('');
        expect(await (await world.reopened()).identity(never())).toBe(identity);
        expectNoSecret(identity, await secrets());
        if (!has('identityOf')) return;
        const machine = await world.host.identityOf!(world.consumer, never());
        expect(machine).not.toBe('');
        expect(await (await world.reopened()).identityOf!(world.consumer, never())).toBe(machine);
        expectNoSecret(machine, await secrets());
      });

      it('sees a running program, the version that each instance is on, and its source as far as it shows it', async () => {
        const seen = await inspect([world.current]);
        expect(seen).toMatchObject({
          consumer: world.consumer.name,
          state: 'running',
          healthy: true,
          authenticationFailed: false,
        });
        expect(isConverged(seen, world.current.generation, 'rolled-out')).toBe(true);
        expect(seen.showsSource).toBe(world.host.capabilities.showsSource);
        expect(seen.source).toBe(seen.showsSource ? world.current.generation : null);
        expectNoSecret(JSON.stringify(seen), await secrets());
      });

      it('claims no version that it was not told of', async () => {
        const stranger = { generation: 9, keyId: '99999', secret: new Secret('0123456789abcdef0123456789abcdef') };
        for (const known of [[], [stranger]]) {
          const seen = await inspect(known);
          expect(seen.instances).not.toEqual([]);
          expect(seen.instances.every((i) => i.generation === null && i.evidence === 'none')).toBe(true);
          expect(seen.source).toBeNull();
        }
      });

      it('answers that a program is not there, which is neither well nor stopped', async () => {
        const seen = await inspect([world.current], world.missing);
        expect(seen).toMatchObject({ consumer: world.missing.name, healthy: false, source: null });
        expect(isStopped(seen)).toBe(false);
        expect(isConverged(seen, world.current.generation, 'none')).toBe(false);
        expect(seen.detail).not.toBe('');
      });

      it('hands nothing to a program that is not there', async () => {
        const delivery = {
          consumer: world.missing,
          version: world.current,
          otherKeys: [],
          fence: { ledgerId: ledger, number: 1 },
        };
        expect((await failure(world.host.deliver(delivery, never()))).code).toBe('KR_HOST_REFUSED');
      });

      it('brings a program to the next version, every step repeated', async () => {
        const { host, consumer } = world;
        if (has('undeploy')) {
          await host.undeploy!(consumer, never());
          await host.undeploy!(consumer, never());
          await until('it is stopped', async () => isStopped(await inspect([])));
        }
        const version = await world.next();
        await deliver(version);
        await deliver(version);
        if (world.held) expect(await world.held()).toBe(version.secret.reveal());
        if (has('readSecret')) expect((await host.readSecret!(consumer, never()))?.equals(version.secret)).toBe(true);
        if (has('deploy')) {
          await host.deploy!(consumer, never());
          await host.deploy!(consumer, never());
        } else {
          await host.apply(consumer, never());
          await host.apply(consumer, never());
        }
        await world.person?.(version);
        const known = has('deploy') ? [version] : [world.current, version];
        await until('it proves the next version', async () =>
          isConverged(await inspect(known), version.generation, 'rolled-out'),
        );
        await until('it uses it', async () => (await world.used()) === version.secret.fingerprint);
        expectNoSecret(JSON.stringify(await inspect(known)), await secrets());
      });

      if (subject.writesFile)
        it('changes nothing of the source but the secret: not its owner, its mode or a byte', async () => {
          const { current } = world;
          const file = world.file!;
          chmodSync(file, 0o604);
          if (process.getuid?.() === 0) chownSync(file, 12, 34);
          const before = { text: readFileSync(file, 'utf8'), ...ownerOf(file) };
          const version = await world.next();
          await deliver(version);
          const secret = version.secret.reveal();
          expect({ text: readFileSync(file, 'utf8').replace(secret, current.secret.reveal()), ...ownerOf(file) }).toEqual(before);
        });

      it('refuses an older hand-out of the same ledger, if it remembers', async () => {
        if (!world.host.capabilities.remembersFence) return expect(world.held).toBeNull();
        const version = await world.next();
        await deliver(version, 7);
        await deliver(version, 7);
        const error = await failure(deliver(world.current, 6));
        expect(error).toMatchObject({ code: 'KR_HOST_FENCED', heldFence: 7, detail: expect.stringMatching(/\b7\b/) });
        expect(await world.held!()).toBe(version.secret.reveal());
        await deliver(world.current, 8);
        await deliver(version, 1, 'ledger-b');
        expect(await world.held!()).toBe(version.secret.reveal());
      });

      it('does nothing for a caller that has given up', async () => {
        const before = await world.held?.();
        const version = await world.next();
        const gone = AbortSignal.abort();
        const fence = { ledgerId: ledger, number: 1 };
        const giveUp = async () => {
          for (const act of [
            () => world.host.deliver({ consumer: world.consumer, version, otherKeys: [], fence }, gone),
            () => world.host.apply(world.consumer, gone),
            ...(has('undeploy') ? [() => world.host.undeploy!(world.consumer, gone)] : []),
            ...(has('deploy') ? [() => world.host.deploy!(world.consumer, gone)] : []),
          ]) {
            const error = await failure(act());
            if (error.code !== 'KR_HOST_UNCLEAR') expect(changesNothing(error)).toBe(true);
          }
        };
        if (world.asked) expect(await world.asked(giveUp)).toEqual([]);
        else await giveUp();
        expect(await world.held?.()).toBe(before);
      });

      if (has('manual'))
        it('believes nobody who says it of another version, and forgets what was said once another is laid out', async () => {
          const { manual } = world.host;
          const { consumer, current } = world;
          const version = await world.next();
          const delivery = (fence: number) => ({ consumer, version, otherKeys: [], fence: { ledgerId: ledger, number: fence } });
          await deliver(version, 5);
          const onNothing = async () => (await inspect([current, version])).instances.every((i) => i.generation === null);
          expect(await onNothing()).toBe(true);
          expect(await manual!.take(delivery(6), current.secret.fingerprint, never())).toMatch(/fingerprint/);
          expect(await onNothing()).toBe(true);
          expect((await failure(manual!.take(delivery(4), null, never()))).code).toBe('KR_HOST_FENCED');
          expect((await failure(manual!.take(delivery(7), null, AbortSignal.abort()))).code).toBe('KR_HOST_UNAVAILABLE');
          expect(await onNothing()).toBe(true);
          expect(await world.held!()).toBe(version.secret.reveal());
          expectNoSecret(manual!.instructions(consumer, version.generation, true).join(), await secrets());
          expect(await manual!.take(delivery(8), version.secret.fingerprint, never())).toBeNull();
          expect(await manual!.take(delivery(8), version.secret.fingerprint, never())).toBeNull();
          expect(await world.held!()).toBe('');
          expect(isConverged(await inspect([current, version]), version.generation, 'uses')).toBe(true);
          await deliver(current, 9);
          await manual!.withdraw(consumer, never());
          expect(await world.held!()).toBe('');
        });

      if (has('consumersNamed'))
        it('finds the programs that a store names, and misses none in silence', async () => {
          const { host, consumer, current } = world;
          const [found] = await host.consumersNamed!([consumer.name], current.keyId, never());
          expect(found).toMatchObject({ name: consumer.name });
          const schema = subject.connector.config.consumer;
          expect(schema.safeParse(found!.settings).success).toBe(true);
          expect((await failure(host.consumersNamed!([consumer.name, 'nobody'], current.keyId, never()))).code).toBe(
            'KR_HOST_REFUSED',
          );
        });
    });
  });
}
