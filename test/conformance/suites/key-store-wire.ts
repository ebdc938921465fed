/**
 * Owns the faults of a store behind a wire: every call, with the server gone, silent, or cut off at
 * each piece of its answers.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { RekeyError } from '../../../workflows/domain/errors.js';
import { changesNothing, expectNoSecret, failure, until } from './expect.js';
import type { KeyStoreBench, StoreWorld } from './key-store-bench.js';
import { deedsOf, preparedFor, withSignal } from './key-store-deeds.js';
import type { Wire } from './wire.js';

export interface WiredWorld extends StoreWorld {
  /** On which the connector's whole way to the store lies, and the way of `keys` does not. */
  readonly wire: Wire;
}

/** More pieces than any call is answered in. */
const mostPieces = 100;

/**
 * Whether it comes true within a moment: a server goes on with what it was asked after the
 * connection is gone.
 */
async function soon(condition: () => Promise<boolean>): Promise<boolean> {
  return until('it lands', condition, 500).then(
    () => true,
    () => false,
  );
}

export function describeBrokenWire(bench: KeyStoreBench<WiredWorld>): void {
  afterEach(() => bench.world.wire.mend());

  const expectHonest = async (error: RekeyError, kind: 'observation' | 'effect', secrets: readonly string[]) => {
    const codes = kind === 'effect' ? ['KR_STORE_UNAVAILABLE', 'KR_STORE_UNCLEAR'] : ['KR_STORE_UNAVAILABLE'];
    expect(codes).toContain(error.code);
    expect(error.detail.startsWith(bench.subject.vendor)).toBe(true);
    expectNoSecret(error.message, [...secrets, ...(await bench.secrets())]);
  };

  describe.each(deedsOf(bench))('$name, when', ({ name, deed }) => {
    it('nobody is there: nothing happened', async () => {
      const world = await preparedFor(bench, name, true);
      const before = await bench.states();
      await bench.world.wire.refuse();
      const error = await failure(deed.act(world));
      expect(error.code).toBe('KR_STORE_UNAVAILABLE');
      await expectHonest(error, deed.kind, [bench.confidential(world.key)]);
      expect(await bench.states()).toEqual(before);
    });

    it('nobody answers: it gives up', async () => {
      const world = await preparedFor(bench, name, true);
      const before = await bench.states();
      await bench.world.wire.silence();
      await expectHonest(await failure(deed.act(world)), deed.kind, [bench.confidential(world.key)]);
      expect(await bench.states()).toEqual(before);
    });

    it('an answer is lost, whichever: it never says that nothing happened when something did', async () => {
      let [cuts, landed] = [0, false];
      for (let pieces = 0; ; pieces++) {
        expect(pieces).toBeLessThan(mostPieces);
        const world = await preparedFor(bench, name, true);
        const before = await bench.states();
        await bench.world.wire.cutAfter(pieces);
        const reason = await deed.act(world).then(
          () => null,
          (error: unknown) => error,
        );
        await bench.world.wire.mend();
        if (reason === null) break;
        const error = await failure(Promise.reject(reason));
        await expectHonest(error, deed.kind, [bench.confidential(world.key)]);
        cuts += 1;
        if (error.code === 'KR_STORE_UNAVAILABLE') expect(await bench.states()).toEqual(before);
        else landed ||= await soon(async () => deed.happened!(world, await bench.truth()));
      }
      expect(cuts).toBeGreaterThan(0);
      // The last answer that can be lost is the one to what was done.
      if (deed.kind === 'effect') expect(landed).toBe(true);
    });

    it('it is cancelled before it began: nothing is done', async () => {
      const world = await preparedFor(bench, name, true);
      const before = await bench.states();
      const cancelled = { ...world, store: withSignal(world.store, AbortSignal.abort()) };
      expect(changesNothing(await failure(deed.act(cancelled)))).toBe(true);
      expect(await bench.states()).toEqual(before);
    });
  });

  describe('a lost answer', () => {
    it('to create leaves at most a key that its tag finds', async () => {
      const left: number[] = [];
      for (let pieces = 0; ; pieces++) {
        const { store } = await bench.impatient();
        await bench.world.wire.cutAfter(pieces);
        const made = await bench.mint(store).catch(() => null);
        await bench.world.wire.mend();
        if (made) break;
        const found = await store.findByTag(bench.lastTag, new AbortController().signal);
        left.push(found.length);
        for (const { id } of found) await store.revoke(id, new AbortController().signal);
        expect((await bench.live()).filter(({ name }) => name.includes(bench.lastTag))).toEqual([]);
      }
      expect(left).toContain(1);
      expect(left.every((count) => count <= 1)).toBe(true);
    });

    it('to revoke is mended by revoking again', async () => {
      for (let pieces = 0, done = false; !done; pieces++) {
        const { store, key } = await bench.impatient();
        await bench.world.wire.cutAfter(pieces);
        done = await store.revoke(key.id, new AbortController().signal).then(
          () => true,
          () => false,
        );
        await bench.world.wire.mend();
        await store.revoke(key.id, new AbortController().signal);
        expect((await bench.live()).filter(({ id }) => id === key.id)).toEqual([]);
      }
    });
  });
}
