/**
 * Keys that somebody else has deleted or switched off, and old keys whose secret was never
 * ours: each step finds it so, and says what becomes of it.
 */
import { describe, expect, it } from 'vitest';
import { disableVersion, enableVersion, proveEnabled } from '../../../activities/steps/disable.js';
import { preflightStore } from '../../../activities/steps/preflight.js';
import { regenerateSecret } from '../../../activities/steps/regenerate.js';
import { drain, revokeVersion } from '../../../activities/steps/retire.js';
import { takeProvided } from '../../../activities/steps/take-provided.js';
import { RekeyError } from '../../../workflows/domain/errors.js';
import type { RunRecord } from '../../../workflows/domain/records.js';
import { depsOf, stepRef, timing } from './effects.js';

const never = new AbortController().signal;

interface Shown {
  /** What the store shows of keys 1 and 2; null: it has none. */
  readonly states?: readonly (string | null)[];
  readonly secrets?: readonly (string | null)[];
  readonly accepts?: boolean;
  readonly capabilities?: object;
  readonly keys?: number;
}

/** A store that shows its keys so, and what was sent to it. */
function storeOf({ states = ['live', 'live'], secrets = ['r', 'r'], accepts = true, capabilities = {}, keys = 2 }: Shown) {
  const sent: string[] = [];
  const stateOf = (id: string) => states[Number(id.slice(-1)) - 1] ?? null;
  const change = (name: string) => async (key: string | { keyId: string; secret: object | null }) => {
    const id = typeof key === 'string' ? key : key.keyId;
    sent.push(`${name} ${id}${typeof key === 'string' || key.secret ? '' : ' without its secret'}`);
    if (stateOf(id) === null) throw new RekeyError('KR_STORE_REFUSED', 'there is no such key');
  };
  const store = {
    capabilities: {
      listsKeys: true,
      minKeys: 0,
      idIsSecret: false,
      undoDelete: 'none',
      disable: true,
      probeRetryOn401: false,
      timing: { ...timing, propagation: 1 },
      ...capabilities,
    },
    check: async () => ({ identity: 'a', managementKeyId: null, keys, maxKeys: null }),
    describe: async (id: string) => (stateOf(id) ? { id, name: id, state: stateOf(id), rights: {}, secretChanged: null } : null),
    probe: async () => ({ endpoints: [{ endpoint: 'api', accepted: accepts }] }),
    disable: change('disable'),
    enable: change('enable'),
    regenerate: change('regenerate'),
    revoke: async (id: string) => void sent.push(`revoke ${id}`),
  };
  const { deps, told } = depsOf({ store });
  const { versions } = deps.ledger;
  const ledger = {
    ...deps.ledger,
    versions: async () => (await versions('c')).map((v, at) => ({ ...v, ageMs: 60_000, secretRef: secrets[at] ?? null })),
    seenBefore: async () => null,
    recordReading: async () => ({ readings: [], now: 0 }),
  };
  return { deps: { ...deps, ledger } as typeof deps, sent, told };
}

const codeOf = (step: Promise<unknown>) =>
  step.then(
    () => 'done',
    (error: { code: string }) => error.code,
  );

describe('an old key whose secret is not in the vault', () => {
  const secrets = [null, 'r'];

  it('is enabled by its id, and proved by what the store shows of it', async () => {
    const { deps, sent } = storeOf({ secrets });
    await enableVersion(deps, { step: stepRef('enable/1'), generation: 1 });
    expect(sent).toEqual(['enable key-1 without its secret']);
    expect(await proveEnabled(deps, { step: stepRef('prove-enabled'), generation: 1 }, never)).toBe('accepted');
    const off = storeOf({ secrets, states: ['disabled', 'live'] });
    expect(await proveEnabled(off.deps, { step: stepRef('prove-enabled'), generation: 1 }, never)).toBe('disabled');
  });

  it('lets the new one go on the way back, where the store shows that the old one lives', async () => {
    const { deps, sent } = storeOf({ secrets });
    expect(await codeOf(revokeVersion(deps, { step: stepRef('revoke/back-1'), target: 2, survivor: 1 }))).toBe('done');
    expect(sent).toEqual(['revoke key-2']);
    const gone = storeOf({ secrets, states: [null, 'live'] });
    expect(await codeOf(revokeVersion(gone.deps, { step: stepRef('revoke/back-1'), target: 2, survivor: 1 }))).toBe(
      'KR_GUARD_REFUSED',
    );
  });

  it('is never disabled where only the secret could bring it back', async () => {
    const seen = async (idIsSecret: boolean, old: string | null) => {
      const { deps } = storeOf({ secrets: [old, 'r'], capabilities: { idIsSecret } });
      const ledger = {
        ...deps.ledger,
        run: async () => ({
          ...(await deps.ledger.run('c#2')),
          strategy: 'overlap',
          spec: { ...(await deps.ledger.run('c#2')).spec, consumers: { kind: 'none' } },
        }),
      };
      const vault = { ...deps.vault, roundTrip: async () => undefined };
      const { disables, holdsOldSecret } = await preflightStore(
        { ...deps, ledger, vault } as never,
        { step: stepRef('preflight') },
        never,
      );
      return [disables, holdsOldSecret];
    };
    expect([await seen(false, null), await seen(true, null), await seen(true, 'r')]).toEqual([
      [true, false],
      [false, false],
      [true, true],
    ]);
  });
});

describe('a key that is gone', () => {
  const gone = [null, 'live'];

  it('is not disabled, not enabled and not regenerated, and nothing counts as sent', async () => {
    const steps = [
      (deps: ReturnType<typeof storeOf>['deps']) => disableVersion(deps, { step: stepRef('disable/1'), target: 1, survivor: 2 }),
      (deps: ReturnType<typeof storeOf>['deps']) => enableVersion(deps, { step: stepRef('enable/1'), generation: 1 }),
    ];
    for (const step of steps) {
      const { deps, told } = storeOf({ states: gone });
      expect(await codeOf(step(deps))).toBe('KR_KEY_GONE');
      expect(told.steps[0]!.unsent).toBe('this');
    }
    const { deps, sent, told } = storeOf({ states: gone });
    const ledger = { once: undefined, ...deps.ledger };
    const once = (
      _step: never,
      options: { snapshotBefore(signal: AbortSignal): Promise<object> },
      body: (attempt: object, effects: object) => Promise<object>,
    ) =>
      options.snapshotBefore(never).then((before) => {
        const attempt = { before, earlier: [], markUnsent: (which: string) => void told.entered.push(which) };
        return body(attempt, {});
      });
    const outside = { store: async (run: RunRecord) => ({ ...(await deps.outside.store(run)), once }) };
    expect(await codeOf(regenerateSecret({ ...deps, ledger, outside } as never, { step: stepRef('regenerate/1') }))).toBe(
      'KR_KEY_GONE',
    );
    expect([sent, told.entered]).toEqual([[], ['and-before']]);
  });

  it('is told from one that is refused, and from one that can be had back', async () => {
    const seen = (shown: Shown) =>
      proveEnabled(storeOf({ accepts: false, ...shown }).deps, { step: stepRef('p'), generation: 1 }, never);
    expect([
      await seen({ states: gone }),
      await seen({ states: gone, capabilities: { undoDelete: 'ui' } }),
      await seen({ states: gone, capabilities: { undoDelete: 'api' } }),
      await seen({ states: ['disabled', 'live'] }),
      await seen({}),
    ]).toEqual(['gone', 'deleted', 'disabled', 'disabled', 'refused']);
  });

  it('counts as none of the keys that a store must keep', async () => {
    const revoke = (states: readonly (string | null)[]) => {
      const { deps } = storeOf({ states, keys: 1, capabilities: { minKeys: 1 } });
      return codeOf(revokeVersion(deps, { step: stepRef('revoke/1'), target: 1, survivor: 2 }));
    };
    expect([await revoke(gone), await revoke(['live', 'live'])]).toEqual(['done', 'KR_GUARD_REFUSED']);
  });

  it('and is the new one, is noticed while the old one drains', async () => {
    for (const state of [null, 'disabled']) {
      const { deps } = storeOf({ states: ['live', state] });
      expect(await codeOf(drain(deps, { step: stepRef('drain/1') }, never))).toBe('KR_KEY_GONE');
    }
    expect(await codeOf(drain(storeOf({}).deps, { step: stepRef('drain/1') }, never))).toBe('KR_STILL_USED');
  });
});

describe('an answer that is on record', () => {
  it('is not looked at once more, and what was handed in is not kept', async () => {
    const { deps } = storeOf({});
    const discarded: string[] = [];
    const done = { result: { generation: 2 }, head: null };
    const ledger = { ...deps.ledger, recorded: async () => done };
    const vault = {
      open: () => expect.unreachable('it is not opened'),
      discard: async (ref: string) => void discarded.push(ref),
    };
    const input = {
      step: stepRef('mint'),
      effect: 'mint',
      generation: 2,
      survivor: null,
      attempt: 'a',
      tag: 't',
      secretRef: 'handed',
      keyId: null,
    } as const;
    expect(await takeProvided({ ...deps, ledger, vault } as never, input, never)).toBe(done);
    expect(discarded).toEqual(['handed']);
  });
});
