/**
 * Owns the list of what can be asked of a key store, for the tests in which each of it goes wrong.
 */
import { acceptedEverywhere, type KeyStore, refusedEverywhere } from '../../../activities/ports/key-store.js';
import { type KeyRow, until } from './expect.js';
import { type KeyStoreBench, never, optional, type StoreWorld, type World } from './key-store-bench.js';

export interface Deed {
  readonly kind: 'observation' | 'effect';
  readonly act: (world: World) => Promise<unknown>;
  /** Whether it left its mark at the vendor. */
  readonly happened?: (world: World, keys: readonly KeyRow[]) => boolean;
}

/** Those that the store of the bench can be asked for. */
export function deedsOf<Stage extends StoreWorld>(bench: KeyStoreBench<Stage>): readonly { name: string; deed: Deed }[] {
  const of = (rows: readonly KeyRow[], id: string) => rows.filter((row) => row.id === id);
  const deeds: Readonly<Record<string, Deed>> = {
    check: { kind: 'observation', act: ({ store }) => store.check(never()) },
    list: { kind: 'observation', act: ({ store }) => store.list(never()) },
    findByTag: { kind: 'observation', act: ({ store, key }) => store.findByTag(tagIn(key.name), never()) },
    describe: { kind: 'observation', act: ({ store, key }) => store.describe(key.id, never()) },
    probe: { kind: 'observation', act: ({ store, key }) => store.probe({ keyId: key.id, secret: key.secret }, never()) },
    readSecret: { kind: 'observation', act: async ({ store, key }) => store.readSecret?.(key.id, never()) },
    lastUsed: { kind: 'observation', act: async ({ store, key }) => store.lastUsed?.(key.id, never()) },
    consumersOf: { kind: 'observation', act: async ({ store, key }) => store.consumersOf?.(key.id, never()) },
    // Like itself it lacks nothing, so that all it does is to look; what it changes is tested with
    // the store that has it.
    copyMemberships: { kind: 'observation', act: async ({ store, key }) => store.copyMemberships?.(key.id, key.id, never()) },
    create: {
      kind: 'effect',
      act: ({ store, key }) => bench.mint(store, key.id),
      happened: (_, rows) => rows.some(({ name }) => name.includes(bench.lastTag)),
    },
    revoke: {
      kind: 'effect',
      act: ({ store, key }) => store.revoke(key.id, never()),
      happened: ({ key }, rows) => of(rows, key.id).every(({ state }) => state === 'deleted'),
    },
    disable: {
      kind: 'effect',
      act: async ({ store, key }) => store.disable?.(key.id, never()),
      happened: ({ key }, rows) => of(rows, key.id)[0]?.state !== 'live',
    },
    enable: {
      kind: 'effect',
      act: async ({ store, key }) => store.enable?.({ keyId: key.id, secret: key.secret, rights: {} }, never()),
      happened: ({ key }, rows) => of(rows, key.id)[0]?.state === 'live',
    },
    update: {
      kind: 'effect',
      act: async ({ store, key, image }) => store.update?.(key.id, image!, never()),
      happened: ({ key }, rows) => of(rows, key.id)[0]?.name.startsWith('changed') === true,
    },
    regenerate: {
      kind: 'effect',
      act: async ({ store, key }) => store.regenerate?.(key.id, never()),
      happened: ({ key }, rows) => of(rows, key.id).length === 2,
    },
  };
  return Object.entries(deeds)
    .filter(([name]) => !optional.some((ability) => ability === name) || bench.has(name))
    .map(([name, deed]) => ({ name, deed }));
}

/**
 * A store and a key in the state in which the deed does something. `waits`: a deadline is going to
 * be waited out, and should be short.
 */
export async function preparedFor<Stage extends StoreWorld>(
  bench: KeyStoreBench<Stage>,
  name: string,
  waits = false,
): Promise<World> {
  const world = await (waits ? bench.impatient() : bench.ready());
  if (name === 'enable') {
    const { store, key } = world;
    const probe = () => store.probe({ keyId: key.id, secret: key.secret }, never());
    // Where disabling is a delete, it cannot be undone before both have spread.
    await until('it is accepted', async () => acceptedEverywhere(await probe()));
    await store.disable?.(key.id, never());
    await until('it is refused', async () => refusedEverywhere(await probe()));
  }
  return name === 'update' ? { ...world, image: await bench.changedImage(world) } : world;
}

const tagIn = (name: string): string => /rekey-\S+/.exec(name)![0];

/** The same store, all of whose calls get this signal. */
export function withSignal(store: KeyStore, signal: AbortSignal): KeyStore {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => Reflect.apply(member, target, [...args.slice(0, -1), signal]);
    },
  });
}
