/**
 * Owns the faults of the sandbox's key stores: every call, with every fault, at every request that
 * it makes.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { RekeyError } from '../../../workflows/domain/errors.js';
import { different, faults, type Made, plant, sameFor } from './faults.js';
import { never, type World } from './key-store-bench.js';
import { deedsOf, preparedFor, withSignal } from './key-store-deeds.js';
import { changesNothing, expectNoSecret, failure, requestsOf } from './sandbox.js';
import type { SandboxBench } from './sandbox-bench.js';

export function describeFaultsOfKeyStore(bench: SandboxBench): void {
  const { vendor, faultBody } = bench.vendor;

  describe.each(deedsOf(bench))('$name, when', ({ name, deed }) => {
    /** Every different request that it makes, found out once. */
    let sample: World;
    let requests: readonly Made[];
    const isEffect = (request: Made) => deed.kind === 'effect' && request.method !== 'GET';
    /** A look at what became of an effect: that it fails never means that nothing happened. */
    const isOutcome = (request: Made) => !isEffect(request) && requests.slice(0, requests.indexOf(request)).some(isEffect);
    beforeAll(async () => {
      await bench.renewAccount();
      sample = await preparedFor(bench, name);
      requests = different(await requestsOf(bench.sandbox, vendor, () => deed.act(sample)));
      expect(requests).not.toEqual([]);
    });

    it.each(faults)('$name: says so, and nothing else', async (fault) => {
      for (const one of requests) {
        const world = await preparedFor(bench, name, fault.waits);
        const request = { ...one, path: sameFor(one.path, sample.key.id, world.key.id) };
        const isUnclear = isOutcome(one) || (isEffect(one) && fault.means === 'lost');
        const before = await bench.states();
        await plant(bench.sandbox, vendor, fault, request);

        let error!: RekeyError;
        const made = await requestsOf(bench.sandbox, vendor, async () => {
          error = await failure(deed.act(world));
        });
        expect(error).toMatchObject({
          code: isUnclear ? 'KR_STORE_UNCLEAR' : fault.means === 'limited' ? 'KR_STORE_RATE_LIMITED' : 'KR_STORE_UNAVAILABLE',
          retryAfterMs: fault.retryAfterMs,
        });
        expect(error.detail.startsWith(`${vendor}`)).toBe(true);
        expectNoSecret(error.message, await bench.secrets());

        // Sent once to each endpoint: only the caller knows whether it may be repeated.
        expect(made.filter((r) => r.method === request.method && r.path === request.path)).toHaveLength(one.times);
        if (isEffect(one) || isOutcome(one))
          expect(deed.happened!(world, await bench.truth())).toBe(isOutcome(one) || fault.happens);
        else expect(await bench.states()).toEqual(before);
      }
    });

    it('the vendor refuses: nothing happened, and no secret is told', async () => {
      for (const one of requests) {
        const world = await preparedFor(bench, name);
        const secrets = await bench.secrets();
        const request = { ...one, path: sameFor(one.path, sample.key.id, world.key.id) };
        const bodyText = JSON.stringify(faultBody(`no: ${world.key.secret.reveal()} ${secrets.join(' ')}`));
        const plan = { when: 'before', action: 'status', status: 422, bodyText };
        await plant(bench.sandbox, vendor, { name: '', plan, happens: false, means: 'lost' }, request);
        const error = await failure(deed.act(world));
        expect(error.code).toBe(isOutcome(one) ? 'KR_STORE_UNCLEAR' : 'KR_STORE_REFUSED');
        expect(error.detail).toContain('no:');
        expectNoSecret(error.message, secrets);
        expect(error.message.length).toBeLessThan(400);
      }
    });

    it('it is cancelled before it began: nothing is sent', async () => {
      const world = await preparedFor(bench, name);
      const cancelled = { ...world, store: withSignal(world.store, AbortSignal.abort()) };
      const before = await bench.states();
      const sent = await requestsOf(bench.sandbox, vendor, async () => {
        expect(changesNothing(await failure(deed.act(cancelled)))).toBe(true);
      });
      expect(sent).toEqual([]);
      expect(await bench.states()).toEqual(before);
    });
  });

  describe('a lost reply', () => {
    it('to create leaves a key that its tag finds', async () => {
      const world = await bench.ready();
      await bench.sandbox.tell('POST', '/faults', { vendor, method: 'POST', when: 'after', action: 'drop' });
      expect((await failure(bench.mint(world.store))).code).toBe('KR_STORE_UNCLEAR');
      const found = await world.store.findByTag(bench.lastTag, never());
      expect(found).toHaveLength(1);
      const { value } = (await bench.truth()).find(({ id }) => id === found[0]!.id)!;
      if (world.store.readSecret) expect((await world.store.readSecret(found[0]!.id, never()))?.reveal()).toBe(value);
      await world.store.revoke(found[0]!.id, never());
      expect(await world.store.findByTag(bench.lastTag, never())).toEqual([]);
    });

    it('to revoke is mended by revoking again', async () => {
      const world = await bench.ready();
      await bench.sandbox.tell('POST', '/faults', { vendor, method: 'DELETE', when: 'after', action: 'drop' });
      expect((await failure(world.store.revoke(world.key.id, never()))).code).toBe('KR_STORE_UNCLEAR');
      await world.store.revoke(world.key.id, never());
      expect((await bench.truth()).find(({ id }) => id === world.key.id)?.state).toBe('deleted');
    });

    if (bench.has('regenerate'))
      it('to regenerate shows in the mark of the last change', async () => {
        const world = await bench.ready();
        const mark = async () => (await world.store.describe(world.key.id, never()))?.secretChanged;
        const renew = () => world.store.regenerate!(world.key.id, never());
        const effect = (await requestsOf(bench.sandbox, vendor, renew)).find(({ method }) => method !== 'GET')!;
        const before = await mark();
        await bench.sandbox.tell('POST', '/faults', { vendor, method: effect.method, when: 'before', action: 'drop' });
        await failure(renew());
        expect(await mark()).toBe(before);
        await bench.sandbox.tell('POST', '/faults', { vendor, method: effect.method, when: 'after', action: 'drop' });
        await failure(renew());
        expect(await mark()).not.toBe(before);
      });
  });
}
