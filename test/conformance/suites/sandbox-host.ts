/**
 * Owns the bench of the hosts in the sandbox: the general suite, and every fault at every request,
 * which only a simulator can be made to commit.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { connector as datadog } from '../../../activities/connectors/key-stores/datadog/key-store.js';
import { acceptedEverywhere } from '../../../activities/ports/key-store.js';
import { Secret } from '../../../activities/ports/secret.js';
import type { RekeyError } from '../../../workflows/domain/errors.js';
import type { Inspection } from '../../../workflows/domain/observations.js';
import { type RunningSandbox, startIdleSandbox } from '../../sandbox/support.js';
import {
  type AppHostSubject,
  type AppHostWorld,
  type DeliverableVersion,
  describeAppHost,
  type HostAbility,
  ledger,
  optional,
} from './app-host.js';
import { never, until } from './expect.js';
import { different, faults, plant } from './faults.js';
import { context, declared, expectNoSecret, failure, keysOf, requestsOf, throughLedger } from './sandbox.js';

/** What a host's own test tells of a program of the sandbox; the rest is the same for all. */
export type SandboxWorld = Omit<AppHostWorld, 'reopened' | 'used' | 'secrets' | 'asked' | 'end'>;

export interface VendorHostSubject extends Omit<AppHostSubject, 'world'> {
  /** Whose keys the program uses, by the vendor's name in the sandbox. */
  readonly vendor: string;
  /** The one that is under test; no other runs. */
  readonly program: string;
  /**
   * For a host that is reached over HTTP: under which name its requests are recorded in the
   * sandbox. Every fault is planted at every one.
   */
  readonly door?: string;
  /** For a host that takes a delivery and its reload as two messages to one address. */
  readonly messages?: boolean;
  /** Opened with the shorter deadline of the suites if `impatient`. */
  readonly world: (sandbox: RunningSandbox, impatient: boolean) => Promise<SandboxWorld>;
}

export function describeVendorHost(subject: VendorHostSubject): void {
  const door = subject.door ?? subject.vendor;
  const programs = [subject.program];
  let sandbox: RunningSandbox;
  beforeAll(async () => {
    sandbox = await startIdleSandbox(subject.vendor);
  });
  afterAll(() => sandbox.remove());
  const secrets = async () => (await keysOf(sandbox, subject.vendor)).map(({ value }) => value);

  describeAppHost({
    ...subject,
    world: async () => {
      await sandbox.reset({ programs });
      const world = await subject.world(sandbox, false);
      return {
        ...world,
        reopened: async () => (await subject.world(sandbox, false)).host,
        secrets,
        used: async () => (await sandbox.traffic(world.consumer.name)).fingerprint,
        asked: (act) => requestsOf(sandbox, door, act),
      };
    },
  });
  if (subject.door) describeFaults();
  if (subject.messages) describeLostReplies();

  function describeLostReplies(): void {
    it('delivers again after a lost reply, and the program is reloaded once for it', async () => {
      await sandbox.reset({ programs });
      const impatient = await subject.world(sandbox, true);
      const { host, consumer } = impatient;
      const version = await impatient.next();
      const delivery = { consumer, version, otherKeys: [], fence: { ledgerId: ledger, number: 1 } };
      const lose = (body: string) =>
        sandbox.tell('POST', '/faults', { vendor: door, method: 'POST', body, when: 'after', action: 'drop' });
      await lose('"deliver"');
      expect((await failure(host.deliver(delivery, never()))).code).toBe('KR_HOST_UNCLEAR');
      expect(await impatient.held!()).toBe(version.secret.reveal());
      await host.deliver(delivery, never());
      const patient = (await subject.world(sandbox, false)).host;
      await patient.deliver(delivery, never());
      await lose('"apply"');
      expect((await failure(patient.apply(consumer, never()))).code).toBe('KR_HOST_UNCLEAR');
      const instance = async () => (await patient.inspect(consumer, [version], never())).instances;
      const [first] = await instance();
      expect(first).toMatchObject({ generation: version.generation });
      await patient.apply(consumer, never());
      expect(await instance()).toEqual([first]);
    });
  }

  function describeFaults(): void {
    const has = (ability: HostAbility) => subject.abilities.includes(ability);
    type Deed = (w: SandboxWorld, version: DeliverableVersion) => Promise<unknown>;
    const looks: Readonly<Record<string, Deed>> = {
      identity: ({ host }) => host.identity(never()),
      inspect: ({ host, consumer, current }): Promise<Inspection> => host.inspect(consumer, [current], never()),
      consumersNamed: ({ host, consumer, current }) => host.consumersNamed!([consumer.name], current.keyId, never()),
    };
    const effects: Readonly<Record<string, Deed>> = {
      deliver: ({ host, consumer }, version) =>
        host.deliver({ consumer, version, otherKeys: [], fence: { ledgerId: ledger, number: 1 } }, never()),
      undeploy: ({ host, consumer }) => host.undeploy!(consumer, never()),
      deploy: ({ host, consumer }) => host.deploy!(consumer, never()),
    };
    const deeds = Object.entries({ ...looks, ...effects }).filter(
      ([name]) => !optional.some((ability) => ability === name) || has(name as HostAbility),
    );

    describe.each(deeds.map(([name, act]) => ({ name, act })))('$name, when', ({ name, act }) => {
      afterEach(() => sandbox.tell('DELETE', '/faults'));

      it.each(faults)('$name: says so, and nothing else', async (fault) => {
        // The first round finds out which requests it makes; each of the others loses one of them.
        const impatient = await subject.world(sandbox, true);
        await impatient.host.inspect(impatient.consumer, [], never());
        const requests = different(await requestsOf(sandbox, door, () => act(impatient, impatient.current)));
        expect(requests).not.toEqual([]);
        for (const request of requests) {
          await plant(sandbox, door, fault, request);
          let error!: RekeyError;
          const made = await requestsOf(sandbox, door, async () => {
            error = await failure(act(impatient, impatient.current));
          });
          const isEffect = name in effects && request.method !== 'GET';
          const lost = isEffect && fault.means === 'lost';
          expect(error.code).toBe(lost ? 'KR_HOST_UNCLEAR' : 'KR_HOST_UNAVAILABLE');
          expect(error.retryAfterMs).toBe(fault.retryAfterMs);
          expectNoSecret(error.message, await secrets());
          expect(made.filter((r) => r.method === request.method && r.path === request.path)).toHaveLength(request.times);
        }
      });
    });
  }
}

/**
 * The first agent of the sandbox: a real process that reads its file at the start only, restarted
 * and asked by commands.
 */
export function agentOf(sandbox: RunningSandbox) {
  const {
    host: _,
    name,
    ...program
  } = parse(readFileSync(path.join(sandbox.home, 'rekey.yaml'), 'utf8')).credentials['datadog/agents'].consumers[0] as {
    host: string;
    name: string;
    file: string;
  };
  const store = datadog.open(
    throughLedger(datadog.config.settings.parse(declared(sandbox, 'stores', 'datadog'))),
    context('datadog'),
  );
  return {
    name,
    program,
    current: {
      generation: 1,
      keyId: 'first',
      secret: new Secret(readFileSync(path.join(sandbox.home, 'secrets/datadog-agents'), 'utf8')),
    },
    async next(): Promise<DeliverableVersion> {
      const key = await store.create(
        { tag: `rekey-nextofit-${Date.now()}`, attributes: { name: 'next' }, likeKeyId: null },
        never(),
      );
      const reference = { keyId: key.id, secret: key.secret };
      await until('the key has spread', async () => acceptedEverywhere(await store.probe(reference, never())));
      return { generation: 2, ...reference };
    },
    /** What stands in its file. */
    held: async () => /^api_key: (\w+)$/m.exec(readFileSync(program.file, 'utf8'))![1]!,
  };
}
