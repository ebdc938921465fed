/**
 * Owns the conformance suite of the port `KeyStore`: what every implementation is held to, faults
 * included.
 */
import { describe, expect, it } from 'vitest';
import { acceptedEverywhere, refusedEverywhere } from '../../../activities/ports/key-store.js';
import { Secret } from '../../../activities/ports/secret.js';
import { expectNoSecret, failure, until } from './expect.js';
import { KeyStoreBench, type KeyStoreSubject, never, optional, type StoreWorld } from './key-store-bench.js';
import { describeUpdateOfKeyStore } from './key-store-update.js';
import { describeBrokenWire, type WiredWorld } from './key-store-wire.js';

/**
 * For a store of which no simulator of ours stands for its vendor: its world brings a wire that can
 * be broken.
 */
export function describeKeyStore(subject: KeyStoreSubject<WiredWorld>): void {
  describeBench(subject, () => new KeyStoreBench(subject), describeBrokenWire);
}

/**
 * `faults` is the part in which things go wrong, as far as the world of the bench can be made to
 * commit them.
 */
export function describeBench<Bench extends KeyStoreBench<StoreWorld>>(
  subject: Omit<KeyStoreSubject, 'world'>,
  make: () => Bench,
  faults: (bench: Bench) => void,
): void {
  const { vendor, connector } = subject;

  describe(`${vendor} as a key store`, () => {
    const bench = make();

    describe('declares', () => {
      it('the abilities that it has, and has those that it declares', () => {
        const store = bench.open();
        const { capabilities: can } = store;
        expect(optional.filter((name) => store[name] !== undefined).sort()).toEqual([...subject.abilities].sort());
        expect({
          readSecret: can.secretReadable === 'always',
          lastUsed: can.lastUsed !== 'none',
          disable: can.disable,
          regenerate: can.regenerate,
        }).toEqual({
          readSecret: bench.has('readSecret'),
          lastUsed: bench.has('lastUsed'),
          disable: bench.has('disable') && bench.has('enable'),
          regenerate: bench.has('regenerate'),
        });
        expect(connector.config.strategies.includes('in-place')).toBe(can.regenerate);
        expect(store.kind).toBe(connector.config.kind);
      });

      it('only assumptions that its configuration knows', () => {
        expect(Object.keys(connector.config.assumptions)).toEqual(
          expect.arrayContaining([...bench.open().capabilities.assumptions]),
        );
      });

      if (bench.has('leastGrace'))
        it('how long what was derived from a key lives on', () => {
          const least = bench.open().leastGrace!(subject.attributes as never);
          expect(Number.isSafeInteger(least)).toBe(true);
          expect(least).toBeGreaterThanOrEqual(0);
        });

      it('times that are lowered only by name', () => {
        const { accept, ...entry } = bench.entry;
        const without = connector.config.settings.safeParse({
          ...entry,
          accept: accept.filter((name) => name !== 'short-timing'),
        });
        expect(without.error?.issues.map((issue) => issue.message).join()).toContain('short-timing');
      });

      it('no setting that it does not know', () => {
        expect(connector.config.settings.safeParse({ ...bench.entry, colour: 'red' }).success).toBe(false);
        expect(connector.config.attributes.safeParse({ ...subject.attributes, colour: 'red' }).success).toBe(false);
      });
    });

    describe('looks', () => {
      it('at the account: the same identity each time, the number of keys, and the key that manages it', async () => {
        const account = await bench.open().check(never());
        expect(await bench.open().check(never())).toEqual(account);
        expect(account.keys).toBe((await bench.live()).length);
        if (subject.managedByKey === false) return expect(account.managementKeyId).toBeNull();
        const managed = (await bench.truth()).find((row) => row.id === account.managementKeyId);
        expect(managed?.name).toContain('rekey');
        expectNoSecret(JSON.stringify(account), await bench.secrets());
      });

      it('at all keys, those of others included, and never at a secret', async () => {
        const keys = await bench.open().list(never());
        expect(keys.map(({ id, name }) => [id, name]).sort()).toEqual(
          (await bench.live()).map(({ id, name }) => [id, name]).sort(),
        );
        expectNoSecret(JSON.stringify(keys), await bench.secrets());
      });

      it.each([
        '00000000-0000-4000-8000-000000000000',
        '999999',
        'no such key',
        '../session',
        '..',
      ])('for a key that is not there: %s', async (id) => {
        expect(await bench.open().describe(id, never())).toBeNull();
      });

      it('with both eyes open: describe and list say the same', async () => {
        const { store, key } = await bench.present();
        const listed = (await store.list(never())).find(({ id }) => id === key.id);
        expect(await store.describe(key.id, never())).toEqual(listed);
      });
    });

    describe('makes a key', () => {
      it('that carries its tag, alone, where it is found by all of it and by its beginning', async () => {
        const store = bench.open();
        const key = await bench.mint(store);
        const tag = bench.lastTag;
        const row = (await bench.truth()).filter(({ name }) => name.includes(tag));
        expect(row).toMatchObject([{ id: key.id, name: key.name, state: 'live' }]);
        if (row[0]!.value !== null) expect(row[0]!.value).toBe(key.secret.reveal());
        expect((await store.findByTag(tag, never())).map(({ id }) => id)).toEqual([key.id]);
        expect((await store.findByTag(tag.slice(0, 15), never())).map(({ id }) => id)).toContain(key.id);
        expect(await store.findByTag(`${tag.slice(0, -1)}x`, never())).toEqual([]);
        expect(key.name.length).toBeLessThanOrEqual(store.capabilities.names.maxLength);
      });

      it('with the rights of the one that it follows', async () => {
        const { store, key } = await bench.present();
        const next = await bench.mint(store, key.id);
        const rights = async (id: string) => (await store.describe(id, never()))?.rights;
        expect(await rights(next.id)).toEqual(await rights(key.id));
        expectNoSecret(JSON.stringify(await rights(key.id)), [bench.confidential(key)]);
      });

      it('that every endpoint accepts after a while, and that none confuses with another', async () => {
        const { store, key } = await bench.present();
        const reference = { keyId: key.id, secret: key.secret };
        await until('the key has spread', async () => acceptedEverywhere(await store.probe(reference, never())));
        const hidden = bench.confidential(key);
        const another = hidden.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
        const stranger = { keyId: key.id, secret: new Secret(key.secret.reveal().replace(hidden, () => another)) };
        const probe = await store.probe(stranger, never());
        expect(refusedEverywhere(probe)).toBe(true);
        expect(new Set(probe.endpoints.map(({ endpoint }) => endpoint)).size).toBe(probe.endpoints.length);
      });

      if (bench.has('readSecret'))
        it('whose secret is read again', async () => {
          const { store, key } = await bench.present();
          expect((await store.readSecret!(key.id, never()))?.reveal()).toBe(key.secret.reveal());
          expect(await store.readSecret!('00000000-0000-4000-8000-000000000000', never())).toBeNull();
        });

      if (bench.has('lastUsed'))
        it('whose last use is a text, or nothing', async () => {
          const { store, key } = await bench.present();
          const value = await store.lastUsed!(key.id, never());
          expect(value === null || typeof value === 'string').toBe(true);
          expect(await store.lastUsed!(key.id, never())).toBe(value);
        });
    });

    describe('ends a key', () => {
      it('for good, once and again, and no other', async () => {
        const { store, key } = await bench.present();
        const others = (await bench.live()).filter(({ id }) => id !== key.id).map(({ id }) => id);
        await store.revoke(key.id, never());
        await store.revoke(key.id, never());
        expect(await store.describe(key.id, never())).toBeNull();
        expect((await bench.live()).map(({ id }) => id)).toEqual(others);
        if (!store.capabilities.probeRetryOn401) return;
        await until('the key is refused', async () =>
          refusedEverywhere(await store.probe({ keyId: key.id, secret: key.secret }, never())),
        );
      });

      if (bench.has('disable'))
        it('reversibly', async () => {
          const { store, key } = await bench.present();
          const before = (await store.describe(key.id, never()))!;
          await store.disable!(key.id, never());
          await store.disable!(key.id, never());
          // Where disabling is a delete that can be undone, nothing is left to describe.
          const shown = store.capabilities.undoDelete === 'api' ? undefined : 'disabled';
          expect((await store.describe(key.id, never()))?.state).toBe(shown);
          expect((await bench.truth()).filter(({ id }) => id === key.id).map(({ state }) => state)).not.toContain('live');
          const reference = { keyId: key.id, secret: key.secret };
          await until('it is refused', async () => refusedEverywhere(await store.probe(reference, never())));
          const disabled = { keyId: key.id, secret: key.secret, rights: before.rights };
          await store.enable!(disabled, never());
          await store.enable!(disabled, never());
          expect(await store.describe(key.id, never())).toEqual(before);
          await until('it is accepted again', async () => acceptedEverywhere(await store.probe(reference, never())));
        });

      if (bench.has('regenerate'))
        it('in place: the id stays, the old secret dies, and the change shows', async () => {
          const { store, key } = await bench.present();
          const before = await store.describe(key.id, never());
          const made = await store.regenerate!(key.id, never());
          const after = await store.describe(key.id, never());
          expect(made.secretChanged).not.toBeNull();
          expect(made.secretChanged).not.toBe(before?.secretChanged);
          expect(after).toEqual({ ...before, secretChanged: made.secretChanged });
          const rows = (await bench.truth()).filter(({ id }) => id === key.id).map(({ value, state }) => [value, state]);
          expect(rows).toEqual([
            [key.secret.reveal(), 'deleted'],
            [made.secret.reveal(), 'live'],
          ]);
          expect(acceptedEverywhere(await store.probe({ keyId: key.id, secret: made.secret }, never()))).toBe(true);
        });
    });

    if (bench.has('update')) describeUpdateOfKeyStore(bench);

    describe('its management credential', () => {
      it.each(subject.management)('with a wrong %s is refused, by name, and not shown', async (field) => {
        const entry = bench.entry;
        const wrong = (await bench.context().resolve(entry.management[field]!))
          .reveal()
          .replace(/.$/, (last) => (last === '0' ? '1' : '0'));
        const store = bench.open({ management: { ...entry.management, [field]: 'wrong' } }, async (reference) =>
          reference === 'wrong' ? new Secret(wrong) : bench.context().resolve(reference),
        );
        const before = (await bench.truth()).length;
        for (const act of [() => store.check(never()), () => store.list(never()), () => bench.mint(store)]) {
          const error = await failure(act());
          expect(error.code).toBe('KR_STORE_UNAUTHORIZED');
          expectNoSecret(error.message, [wrong, ...(await bench.secrets())]);
        }
        expect((await bench.truth()).length).toBe(before);
      });

      it('is resolved afresh at each use', async () => {
        const asked: string[] = [];
        const store = bench.open({}, async (reference) => {
          asked.push(reference);
          return bench.context().resolve(reference);
        });
        await store.list(never());
        const once = asked.length;
        await store.list(never());
        expect(asked.length).toBeGreaterThan(once);
      });
    });

    faults(bench);
  });
}
