/** Owns the part of the key stores' suite in which a key is changed without changing its secret. */
import { describe, expect, it } from 'vitest';
import { acceptedEverywhere } from '../../../activities/ports/key-store.js';
import { failure, never, until } from './expect.js';
import type { KeyStoreBench, StoreWorld } from './key-store-bench.js';

export function describeUpdateOfKeyStore<Stage extends StoreWorld>(bench: KeyStoreBench<Stage>): void {
  describe('changes a key', () => {
    it('into the image that it is given, once and again, and leaves its secret and every other key as they are', async () => {
      const world = await bench.present();
      const { store, key } = world;
      const others = async () =>
        (await bench.truth()).filter(({ id }) => id !== key.id).map(({ id, name, value, state }) => [id, name, value, state]);
      const before = await others();
      const image = await bench.changedImage(world);
      const shown = (await store.describe(key.id, never()))!;
      expect(image.rights).not.toEqual(shown.rights);
      for (let times = 0; times < 2; times++) {
        await store.update!(key.id, image, never());
        expect(await store.describe(key.id, never())).toEqual({ ...shown, ...image });
      }
      expect((await bench.truth()).filter(({ id }) => id === key.id)).toMatchObject([
        { value: key.secret.reveal(), state: 'live' },
      ]);
      expect(await others()).toEqual(before);
      await until('it is accepted as before', async () =>
        acceptedEverywhere(await store.probe({ keyId: key.id, secret: key.secret }, never())),
      );
    });

    it('back into what it was', async () => {
      const world = await bench.present();
      const before = (await world.store.describe(world.key.id, never()))!;
      await world.store.update!(world.key.id, await bench.changedImage(world), never());
      await world.store.update!(world.key.id, { name: before.name, rights: before.rights, state: 'live' }, never());
      expect(await world.store.describe(world.key.id, never())).toEqual(before);
    });

    if (bench.has('disable'))
      it('into one that is switched off', async () => {
        const world = await bench.present();
        const image = await bench.changedImage(world, 'disabled');
        // Where disabling is a delete, nothing is left to be changed.
        if (world.store.capabilities.undoDelete === 'api')
          return expect((await failure(world.store.update!(world.key.id, image, never()))).code).toBe('KR_STORE_REFUSED');
        await world.store.update!(world.key.id, image, never());
        expect(await world.store.describe(world.key.id, never())).toMatchObject(image);
      });

    it('only if it is there', async () => {
      const world = await bench.present();
      const image = await bench.changedImage(world);
      await world.store.revoke(world.key.id, never());
      const before = await bench.states();
      for (const id of [world.key.id, '00000000-0000-4000-8000-000000000000'])
        expect((await failure(world.store.update!(id, image, never()))).code).toBe('KR_STORE_REFUSED');
      expect(await bench.states()).toEqual(before);
    });
  });
}
