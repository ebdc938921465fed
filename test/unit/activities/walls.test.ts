/**
 * What only looks is handed nothing that could change anything, and an effect gets hold of it in
 * the body of `once` alone. The compiler is the test: without the wall it finds a
 * `@ts-expect-error` that expects nothing.
 */
import { expect, expectTypeOf, it } from 'vitest';
import { type Deps, type EffectDeps, type ObservationDeps, withOnce } from '../../../activities/deps.js';
import type { AppHost, AppHostEffects, AppHostView, ManualEffects, ManualLooks } from '../../../activities/ports/app-host.js';
import type { KeyStore, KeyStoreEffects, KeyStoreView } from '../../../activities/ports/key-store.js';
import { undeployConsumer } from '../../../activities/steps/consumers.js';
import { copyMemberships } from '../../../activities/steps/memberships.js';
import { removeOrphans, revokeVersion } from '../../../activities/steps/retire.js';
import type { RunRecord, StepRef } from '../../../workflows/domain/records.js';
import { connectorsOf } from '../../support/connectors.js';

type Look<Input> = (deps: ObservationDeps, input: Input, signal: AbortSignal) => Promise<unknown>;

/** Names of what is a call in a view although it is an effect. */
type Calls<View, Effects> = { [Name in keyof View & keyof Effects]: View[Name] extends () => void ? Name : never }[keyof View &
  keyof Effects];

const signal = AbortSignal.timeout(0);
const run = { spec: { store: 'store' }, identities: null } as unknown as RunRecord;
const options = { deadline: 1, settle: 0, waitForSettle: false };

it('is compiled with every way around it, each under the error that it is', () => {
  const forbidden = [
    async (deps: ObservationDeps, step: StepRef) => {
      const store = await deps.targets.store(run, signal);
      // @ts-expect-error An observation ends no key.
      await store.revoke('key', signal);
      // @ts-expect-error Nor does it write a list of the store.
      await store.copyMemberships?.('key', 'like', signal);
      const host = await deps.targets.host(run, 'host', [], signal);
      // @ts-expect-error It stops no program.
      await host.undeploy?.({ name: 'web', host: 'host', settings: {} }, signal);
      // @ts-expect-error It takes no key away that lies ready.
      await host.manual?.withdraw({ name: 'web', host: 'host', settings: {} }, signal);
      // @ts-expect-error It has no journal to begin an effect in.
      await deps.ledger.once(step, options, async () => ({}));
    },
    async (deps: EffectDeps, step: StepRef) => {
      const { view, once } = await deps.outside.store(run);
      // @ts-expect-error Outside of the body an effect only looks.
      await view.revoke('key', signal);
      // @ts-expect-error There is no way around the body.
      await deps.ledger.once(step, options, async () => ({}));
      await once(step, options, async (_, effects) => {
        await effects.revoke('key', signal);
        return {};
      });
    },
    () => {
      // @ts-expect-error What is listed as an observation is none that changes something.
      const looks: Look<Parameters<typeof revokeVersion>[1]> = revokeVersion;
      // @ts-expect-error The same.
      const clears: Look<Parameters<typeof removeOrphans>[1]> = removeOrphans;
      // @ts-expect-error The same.
      const copies: Look<Parameters<typeof copyMemberships>[1]> = copyMemberships;
      // @ts-expect-error The same, at a host.
      const stops: Look<Parameters<typeof undeployConsumer>[1]> = undeployConsumer;
      return [looks, clears, copies, stops];
    },
  ];
  expect(forbidden).toHaveLength(3);
});

it('leaves no effect of a port in what an observation is handed', () => {
  expectTypeOf<Calls<KeyStoreView, KeyStoreEffects>>().toBeNever();
  expectTypeOf<Calls<AppHostView, AppHostEffects>>().toBeNever();
  expectTypeOf<Calls<ManualLooks, ManualEffects>>().toBeNever();
});

it('leaves a connector as it was: it has both halves', () => {
  expectTypeOf<KeyStore>().toExtend<KeyStoreView & KeyStoreEffects>();
  expectTypeOf<AppHost>().toExtend<AppHostView & AppHostEffects>();
});

it('hands the body of once the very system that is looked at', async () => {
  const store = { revoke: async () => undefined, check: async () => ({ identity: 'a' }) };
  const once = async (
    _: StepRef,
    { snapshotBefore }: { snapshotBefore: (signal: AbortSignal) => Promise<object> },
    body: (attempt: object) => Promise<object>,
  ) => {
    await snapshotBefore(signal);
    return body({ tag: 'rekey-1' });
  };
  const deps = withOnce({ ledger: { once }, connectors: connectorsOf({ store }) } as unknown as Deps);
  const opened = await deps.outside.store(run);
  const handed: unknown[] = [];
  await opened.once({} as StepRef, options, async (attempt, effects, who) => {
    handed.push(attempt.tag, effects, who);
    return {};
  });
  expect(opened.view).toBe(store);
  expect(handed).toEqual(['rekey-1', store, { account: { identity: 'a' }, since: expect.any(Function) as () => number }]);
});
