/** Owns the conformance suite of the port `KeyStore`: what every implementation is held to, faults included. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { KeyStoreConnector } from '../../../activities/ports/connector.js';
import { acceptedEverywhere, type KeyStore, type MintedKey, refusedEverywhere } from '../../../activities/ports/key-store.js';
import { Secret } from '../../../activities/ports/secret.js';
import type { JsonObject } from '../../../workflows/domain/credential.js';
import { type RunningSandbox, startSandbox, until } from '../../sandbox/support.js';
import { faults, plant } from './faults.js';
import {
  changesNothing,
  context,
  declared,
  expectNoSecret,
  failure,
  type KeyRow,
  keysOf,
  type RequestRow,
  requestDeadline,
  requestsOf,
  throughLedger,
} from './sandbox.js';

export type Ability = 'readSecret' | 'lastUsed' | 'consumersOf' | 'disable' | 'enable' | 'regenerate';

export interface KeyStoreSubject {
  /** The vendor's name in the sandbox, and of the store in its rekey.yaml. */
  readonly vendor: string;
  readonly connector: KeyStoreConnector;
  readonly attributes: JsonObject;
  /** The fields of `management:` that are refused when their value is wrong. */
  readonly management: readonly string[];
  /** A fault body in the vendor's own form. */
  readonly faultBody: (text: string) => unknown;
  /** What only this vendor needs before the suite, such as a higher rate limit. */
  readonly prepare?: (sandbox: RunningSandbox) => Promise<void>;
  /** The methods of the port that it has beyond those that all have. */
  readonly abilities: readonly Ability[];
}

interface World {
  readonly store: KeyStore;
  /** A key made for this test. */
  readonly key: MintedKey;
  readonly sandbox: RunningSandbox;
}

interface Deed {
  readonly kind: 'observation' | 'effect';
  readonly act: (world: World) => Promise<unknown>;
  /** Whether it left its mark at the vendor. */
  readonly happened?: (world: World, keys: readonly KeyRow[]) => boolean;
}

const optional = [
  'readSecret',
  'lastUsed',
  'consumersOf',
  'disable',
  'enable',
  'regenerate',
] as const satisfies readonly Ability[];
const never = () => new AbortController().signal;
let tags = 0;
const newTag = () => `rekey-confrmnc-${String(++tags).padStart(13, '0')}`;

export function describeKeyStore(subject: KeyStoreSubject): void {
  const { vendor, connector } = subject;

  describe(`${vendor} as a key store`, () => {
    let sandbox: RunningSandbox;
    beforeAll(async () => {
      sandbox = await startSandbox();
      await sandbox.tell('POST', '/traffic/stop');
      await subject.prepare?.(sandbox);
    });
    afterAll(() => sandbox.remove());
    afterEach(() => sandbox.tell('DELETE', '/faults'));

    const open = (changes: object = {}, resolve?: (reference: string) => Promise<Secret>): KeyStore => {
      const entry = { ...declared(sandbox, 'stores', vendor), ...changes };
      return connector.open(throughLedger(connector.config.settings.parse(entry)), context(vendor, resolve));
    };
    const has = (name: string) => subject.abilities.some((ability) => ability === name);
    const impatient = () =>
      open({ timing: { ...(declared(sandbox, 'stores', vendor).timing as object), request: `${requestDeadline}ms` } });
    const truth = () => keysOf(sandbox, vendor);
    const live = async () => (await truth()).filter((row) => row.state !== 'deleted');
    const mint = (store: KeyStore, likeKeyId: string | null = null) =>
      store.create({ tag: newTag(), attributes: subject.attributes, likeKeyId }, never());
    const present = async (): Promise<World> => {
      const store = open();
      return { store, key: await mint(store), sandbox };
    };

    describe('declares', () => {
      it('the abilities that it has, and has those that it declares', () => {
        const store = open();
        const { capabilities: can } = store;
        expect(optional.filter((name) => store[name] !== undefined).sort()).toEqual([...subject.abilities].sort());
        expect({
          readSecret: can.secretReadable === 'always',
          lastUsed: can.lastUsed !== 'none',
          disable: can.disable,
          regenerate: can.regenerate,
        }).toEqual({
          readSecret: has('readSecret'),
          lastUsed: has('lastUsed'),
          disable: has('disable') && has('enable'),
          regenerate: has('regenerate'),
        });
        expect(connector.config.strategies.includes('in-place')).toBe(can.regenerate);
        expect(store.kind).toBe(connector.config.kind);
      });

      it('only assumptions that its configuration knows', () => {
        expect(Object.keys(connector.config.assumptions)).toEqual(expect.arrayContaining([...open().capabilities.assumptions]));
      });

      it('times that are lowered only by name', () => {
        const { accept, ...entry } = declared(sandbox, 'stores', vendor) as { accept: string[] };
        const without = connector.config.settings.safeParse({
          ...entry,
          accept: accept.filter((name) => name !== 'short-timing'),
        });
        expect(without.error?.issues.map((issue) => issue.message).join()).toContain('short-timing');
      });

      it('no setting that it does not know', () => {
        expect(connector.config.settings.safeParse({ ...declared(sandbox, 'stores', vendor), colour: 'red' }).success).toBe(
          false,
        );
        expect(connector.config.attributes.safeParse({ ...subject.attributes, colour: 'red' }).success).toBe(false);
      });
    });

    describe('looks', () => {
      it('at the account: the same identity each time, the number of keys, and the key that manages it', async () => {
        const account = await open().check(never());
        expect(await open().check(never())).toEqual(account);
        expect(account.keys).toBe((await live()).length);
        const managed = (await truth()).find((row) => row.id === account.managementKeyId);
        expect(managed?.name).toContain('rekey');
        expectNoSecret(
          JSON.stringify(account),
          (await truth()).map((row) => row.value),
        );
      });

      it('at all keys, those of others included, and never at a secret', async () => {
        const keys = await open().list(never());
        expect(keys.map(({ id, name }) => [id, name]).sort()).toEqual((await live()).map(({ id, name }) => [id, name]).sort());
        expectNoSecret(
          JSON.stringify(keys),
          (await truth()).map((row) => row.value),
        );
      });

      it.each(['00000000-0000-4000-8000-000000000000', '999999', 'no such key', '../session', '..'])(
        'for a key that is not there: %s',
        async (id) => {
          const store = open();
          expect(await store.describe(id, never()).catch((error: unknown) => error)).toSatisfy(
            (answer) => answer === null || answer instanceof TypeError,
          );
        },
      );

      it('with both eyes open: describe and list say the same', async () => {
        const { store, key } = await present();
        const listed = (await store.list(never())).find(({ id }) => id === key.id);
        expect(await store.describe(key.id, never())).toEqual(listed);
      });
    });

    describe('makes a key', () => {
      it('that carries its tag, alone, where it is found by all of it and by its beginning', async () => {
        const store = open();
        const tag = newTag();
        const key = await store.create({ tag, attributes: subject.attributes, likeKeyId: null }, never());
        const row = (await truth()).filter(({ name }) => name.includes(tag));
        expect(row).toMatchObject([{ id: key.id, name: key.name, value: key.secret.reveal(), state: 'live' }]);
        expect((await store.findByTag(tag, never())).map(({ id }) => id)).toEqual([key.id]);
        expect((await store.findByTag(tag.slice(0, 15), never())).map(({ id }) => id)).toContain(key.id);
        expect(await store.findByTag(`${tag.slice(0, -1)}x`, never())).toEqual([]);
        expect(key.name.length).toBeLessThanOrEqual(store.capabilities.names.maxLength);
      });

      it('with the rights of the one that it follows', async () => {
        const { store, key } = await present();
        const next = await mint(store, key.id);
        const rights = async (id: string) => (await store.describe(id, never()))?.rights;
        expect(await rights(next.id)).toEqual(await rights(key.id));
        expectNoSecret(JSON.stringify(await rights(key.id)), [key.secret.reveal()]);
      });

      it('that every door accepts after a while, and that none confuses with another', async () => {
        const { store, key } = await present();
        const reference = { keyId: key.id, secret: key.secret };
        await until('the key has spread', async () => acceptedEverywhere(await store.probe(reference, never())));
        const stranger = {
          keyId: key.id,
          secret: new Secret(key.secret.reveal().replace(/.$/, (last) => (last === '0' ? '1' : '0'))),
        };
        const probe = await store.probe(stranger, never());
        expect(refusedEverywhere(probe)).toBe(true);
        expect(new Set(probe.doors.map(({ door }) => door)).size).toBe(probe.doors.length);
      });

      it.runIf(has('readSecret'))('whose secret is read again', async () => {
        const { store, key } = await present();
        expect((await store.readSecret!(key.id, never()))?.reveal()).toBe(key.secret.reveal());
        expect(await store.readSecret!('00000000-0000-4000-8000-000000000000', never())).toBeNull();
      });

      it.runIf(has('lastUsed'))('whose last use is a text, or nothing', async () => {
        const { store, key } = await present();
        const value = await store.lastUsed!(key.id, never());
        expect(value === null || typeof value === 'string').toBe(true);
        expect(await store.lastUsed!(key.id, never())).toBe(value);
      });
    });

    describe('ends a key', () => {
      it('for good, once and again, and no other', async () => {
        const { store, key } = await present();
        const others = (await live()).filter(({ id }) => id !== key.id).map(({ id }) => id);
        await store.revoke(key.id, never());
        await store.revoke(key.id, never());
        expect(await store.describe(key.id, never())).toBeNull();
        expect((await live()).map(({ id }) => id)).toEqual(others);
        if (!store.capabilities.probeRetryOn401) return;
        await until('the key is refused', async () =>
          refusedEverywhere(await store.probe({ keyId: key.id, secret: key.secret }, never())),
        );
      });

      it.runIf(has('disable'))('reversibly', async () => {
        const { store, key } = await present();
        await store.disable!(key.id, never());
        await store.disable!(key.id, never());
        expect((await store.describe(key.id, never()))?.state).toBe('disabled');
        await store.enable!(key.id, never());
        expect((await store.describe(key.id, never()))?.state).toBe('live');
      });

      it.runIf(has('regenerate'))('in place: the id stays, the old secret dies, and the change shows', async () => {
        const { store, key } = await present();
        const before = await store.describe(key.id, never());
        const made = await store.regenerate!(key.id, never());
        const after = await store.describe(key.id, never());
        expect(made.secretChanged).not.toBeNull();
        expect(made.secretChanged).not.toBe(before?.secretChanged);
        expect(after).toEqual({ ...before, secretChanged: made.secretChanged });
        const rows = (await truth()).filter(({ id }) => id === key.id).map(({ value, state }) => [value, state]);
        expect(rows).toEqual([
          [key.secret.reveal(), 'deleted'],
          [made.secret.reveal(), 'live'],
        ]);
        expect(acceptedEverywhere(await store.probe({ keyId: key.id, secret: made.secret }, never()))).toBe(true);
      });
    });

    const of = (rows: readonly KeyRow[], id: string) => rows.filter((row) => row.id === id);
    const deeds: Readonly<Record<string, Deed>> = {
      check: { kind: 'observation', act: ({ store }) => store.check(never()) },
      list: { kind: 'observation', act: ({ store }) => store.list(never()) },
      findByTag: { kind: 'observation', act: ({ store, key }) => store.findByTag(key.name.split(' ').at(-1)!, never()) },
      describe: { kind: 'observation', act: ({ store, key }) => store.describe(key.id, never()) },
      probe: { kind: 'observation', act: ({ store, key }) => store.probe({ keyId: key.id, secret: key.secret }, never()) },
      readSecret: { kind: 'observation', act: async ({ store, key }) => store.readSecret?.(key.id, never()) },
      lastUsed: { kind: 'observation', act: async ({ store, key }) => store.lastUsed?.(key.id, never()) },
      consumersOf: { kind: 'observation', act: async ({ store, key }) => store.consumersOf?.(key.id, never()) },
      create: {
        kind: 'effect',
        act: ({ store, key }) => mint(store, key.id),
        happened: (_, rows) => rows.some(({ name }) => name.includes(lastTag())),
      },
      revoke: {
        kind: 'effect',
        act: ({ store, key }) => store.revoke(key.id, never()),
        happened: ({ key }, rows) => of(rows, key.id)[0]?.state === 'deleted',
      },
      disable: {
        kind: 'effect',
        act: async ({ store, key }) => store.disable?.(key.id, never()),
        happened: ({ key }, rows) => of(rows, key.id)[0]?.state === 'disabled',
      },
      enable: {
        kind: 'effect',
        act: async ({ store, key }) => store.enable?.(key.id, never()),
        happened: ({ key }, rows) => of(rows, key.id)[0]?.state === 'live',
      },
      regenerate: {
        kind: 'effect',
        act: async ({ store, key }) => store.regenerate?.(key.id, never()),
        happened: ({ key }, rows) => of(rows, key.id).length === 2,
      },
    };
    const lastTag = () => `rekey-confrmnc-${String(tags).padStart(13, '0')}`;

    const possible = Object.entries(deeds)
      .filter(([name]) => !optional.some((ability) => ability === name) || has(name))
      .map(([name, deed]) => ({ name, deed }));

    /** A store whose deadline is short, that has logged in already, and a key of its own. */
    const impatientWorld = async (name: string): Promise<World> => {
      const { key } = await present();
      const store = impatient();
      await store.check(never());
      if (name === 'enable') await store.disable?.(key.id, never());
      return { store, key, sandbox };
    };

    describe.each(possible)('$name, when', ({ name, deed }) => {
      /** Every different request that it makes, found out once. */
      let sample: World;
      let requests: readonly (RequestRow & { readonly times: number })[];
      beforeAll(async () => {
        sample = await impatientWorld(name);
        requests = different(await requestsOf(sandbox, vendor, () => deed.act(sample)));
        expect(requests).not.toEqual([]);
      });

      it.each(faults)('$name: says so, and nothing else', async (fault) => {
        for (const one of requests) {
          const world = await impatientWorld(name);
          const request = { ...one, path: sameFor(one.path, sample.key.id, world.key.id) };
          const isEffect = deed.kind === 'effect' && request.method !== 'GET';
          const before = await truth();
          await plant(sandbox, vendor, fault, request);

          let error!: Awaited<ReturnType<typeof failure>>;
          const made = await requestsOf(sandbox, vendor, async () => {
            error = await failure(deed.act(world));
          });
          expect(error).toMatchObject({
            code: fault.means === 'limited' ? 'KR_STORE_RATE_LIMITED' : isEffect ? 'KR_STORE_UNCLEAR' : 'KR_STORE_UNAVAILABLE',
            retryAfterMs: fault.retryAfterMs,
          });
          expect(error.detail.startsWith(`${vendor}`)).toBe(true);
          expectNoSecret(
            error.message,
            (await truth()).map((row) => row.value),
          );

          // Sent once to each door: only the caller knows whether it may be repeated.
          expect(made.filter((r) => r.method === request.method && r.path === request.path)).toHaveLength(one.times);
          if (isEffect) expect(deed.happened!(world, await truth())).toBe(fault.happens);
          else expect((await truth()).map(({ id, state }) => [id, state])).toEqual(before.map(({ id, state }) => [id, state]));
        }
      });

      it('the vendor refuses: nothing happened, and no secret is told', async () => {
        for (const one of requests) {
          const world = await impatientWorld(name);
          const secrets = (await truth()).map((row) => row.value);
          const request = { ...one, path: sameFor(one.path, sample.key.id, world.key.id) };
          const bodyText = JSON.stringify(subject.faultBody(`no: ${world.key.secret.reveal()} ${secrets.join(' ')}`));
          const plan = { when: 'before', action: 'status', status: 422, bodyText };
          await plant(sandbox, vendor, { name: '', plan, happens: false, means: 'lost' }, request);
          const error = await failure(deed.act(world));
          expect(error.code).toBe('KR_STORE_REFUSED');
          expect(error.detail).toContain('no:');
          expectNoSecret(error.message, secrets);
          expect(error.message.length).toBeLessThan(400);
        }
      });

      it('it is cancelled before it began: nothing is sent', async () => {
        const world = await impatientWorld(name);
        const cancelled = { ...world, store: withSignal(world.store, AbortSignal.abort()) };
        const before = (await truth()).map(({ id, state }) => [id, state]);
        const sent = await requestsOf(sandbox, vendor, async () => {
          const answer = await deed.act(cancelled).catch((error: unknown) => error);
          if (answer !== undefined) expect(changesNothing(await failure(Promise.reject(answer)))).toBe(true);
        });
        expect(sent).toEqual([]);
        expect((await truth()).map(({ id, state }) => [id, state])).toEqual(before);
      });
    });

    describe('a lost reply', () => {
      it('to create leaves a key that its tag finds', async () => {
        const world = await impatientWorld('create');
        await sandbox.tell('POST', '/faults', { vendor, method: 'POST', when: 'after', action: 'drop' });
        expect((await failure(mint(world.store))).code).toBe('KR_STORE_UNCLEAR');
        const found = await world.store.findByTag(lastTag(), never());
        expect(found).toHaveLength(1);
        const { value } = (await truth()).find(({ id }) => id === found[0]!.id)!;
        if (world.store.readSecret) expect((await world.store.readSecret(found[0]!.id, never()))?.reveal()).toBe(value);
        await world.store.revoke(found[0]!.id, never());
        expect(await world.store.findByTag(lastTag(), never())).toEqual([]);
      });

      it('to revoke is mended by revoking again', async () => {
        const world = await impatientWorld('revoke');
        await sandbox.tell('POST', '/faults', { vendor, method: 'DELETE', when: 'after', action: 'drop' });
        expect((await failure(world.store.revoke(world.key.id, never()))).code).toBe('KR_STORE_UNCLEAR');
        await world.store.revoke(world.key.id, never());
        expect((await truth()).find(({ id }) => id === world.key.id)?.state).toBe('deleted');
      });

      it.runIf(has('regenerate'))('to regenerate shows in the mark of the last change', async () => {
        const world = await impatientWorld('regenerate');
        const mark = async () => (await world.store.describe(world.key.id, never()))?.secretChanged;
        const before = await mark();
        await sandbox.tell('POST', '/faults', { vendor, method: 'PUT', when: 'before', action: 'drop' });
        await failure(world.store.regenerate!(world.key.id, never()));
        expect(await mark()).toBe(before);
        await sandbox.tell('POST', '/faults', { vendor, method: 'PUT', when: 'after', action: 'drop' });
        await failure(world.store.regenerate!(world.key.id, never()));
        expect(await mark()).not.toBe(before);
      });
    });

    describe('its management credential', () => {
      it.each(subject.management)('with a wrong %s is refused, by name, and not shown', async (field) => {
        const entry = declared(sandbox, 'stores', vendor) as { management: Record<string, string> };
        const wrong = (await context(vendor).resolve(entry.management[field]!))
          .reveal()
          .replace(/.$/, (last) => (last === '0' ? '1' : '0'));
        const store = open({ management: { ...entry.management, [field]: 'wrong' } }, async (reference) =>
          reference === 'wrong' ? new Secret(wrong) : context(vendor).resolve(reference),
        );
        const before = (await truth()).length;
        for (const act of [() => store.check(never()), () => store.list(never()), () => mint(store)]) {
          const error = await failure(act());
          expect(error.code).toBe('KR_STORE_UNAUTHORIZED');
          expectNoSecret(error.message, [wrong, ...(await truth()).map((row) => row.value)]);
        }
        expect((await truth()).length).toBe(before);
      });

      it('is resolved afresh at each use', async () => {
        const asked: string[] = [];
        const store = open({}, async (reference) => {
          asked.push(reference);
          return context(vendor).resolve(reference);
        });
        await store.list(never());
        const once = asked.length;
        await store.list(never());
        expect(asked.length).toBeGreaterThan(once);
      });
    });
  });
}

/** The same store, all of whose calls get this signal. */
function withSignal(store: KeyStore, signal: AbortSignal): KeyStore {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => Reflect.apply(member, target, [...args.slice(0, -1), signal]);
    },
  });
}

/** Each request once, with the number of times that it was made. */
function different(requests: readonly RequestRow[]): readonly (RequestRow & { readonly times: number })[] {
  const same = (a: RequestRow) => (b: RequestRow) => a.method === b.method && a.path === b.path;
  return requests
    .filter((r, at) => requests.findIndex(same(r)) === at)
    .map((r) => ({ ...r, times: requests.filter(same(r)).length }));
}

/** The path of a request for another key. The last place is the key's: an organisation may have the same number. */
function sameFor(path: string, id: string, other: string): string {
  const at = path.lastIndexOf(id);
  return at < 0 ? path : `${path.slice(0, at)}${other}${path.slice(at + id.length)}`;
}
