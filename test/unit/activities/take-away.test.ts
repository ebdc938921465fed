/**
 * Nothing that takes a version away is sent without its guard, and a refusal closes its intent as
 * not sent.
 */
import { describe, expect, it } from 'vitest';
import type { Deps } from '../../../activities/deps.js';
import type { Attempt } from '../../../activities/ports/journal.js';
import type { KeyStore } from '../../../activities/ports/key-store.js';
import type { Ledger } from '../../../activities/ports/ledger.js';
import { disableVersion } from '../../../activities/steps/disable.js';
import { revokeVersion } from '../../../activities/steps/retire.js';
import type { StepRef, VersionRecord } from '../../../workflows/domain/records.js';

interface Told {
  /** What the store was asked to do, in order; a probe is what the guard looks with. */
  readonly asked: readonly string[];
  /** What the ledger is to write of the attempt. */
  readonly staged: readonly string[];
  readonly unsent: string;
  readonly failed: unknown;
}

/** Takes generation 1 away, for generation 2, which the store accepts or not. */
async function takeAway(act: typeof revokeVersion | typeof disableVersion, isAlive: boolean): Promise<Told> {
  const asked: string[] = [];
  const staged: string[] = [];
  let unsent = 'no';
  const store = {
    capabilities: {
      listsKeys: true,
      minKeys: 0,
      probeRetryOn401: false,
      disable: true,
      timing: { request: 1_000, settle: 0, propagation: 1_000 },
    },
    check: async () => ({ identity: 'a', managementKeyId: null, keys: 2, maxKeys: null }),
    describe: async (id: string) => ({ id, name: id, state: 'live', rights: {}, secretChanged: null }),
    probe: async () => {
      asked.push('probe');
      return { endpoints: [{ endpoint: 'api', accepted: isAlive }] };
    },
    revoke: async (id: string) => void asked.push(`revoke ${id}`),
    disable: async (id: string) => void asked.push(`disable ${id}`),
  } as unknown as KeyStore;
  const version = (generation: number) =>
    ({ generation, keyId: `key-${generation}`, account: 'a', secretRef: 'r', state: 'active' }) as VersionRecord;
  const attempt = {
    earlier: [],
    before: {},
    signal: new AbortController().signal,
    beforeSending: () => undefined,
    markUnsent: (which: string) => (unsent = which),
    stage: ({ kind }: { kind: string }) => void staged.push(kind),
  } as unknown as Attempt;
  const ledger = {
    run: async () => ({
      id: 'c#2',
      direction: 'forward',
      generation: 2,
      previousGeneration: 1,
      spec: { store: 's', policy: { evidence: 'uses' }, accept: [] },
      targets: [],
      exempt: [],
    }),
    versions: async () => [version(1), version(2)],
    inspections: async () => [],
    unsettled: async () => 0,
    once: async (_: StepRef, __: object, body: (attempt: Attempt) => Promise<object>) => ({
      result: await body(attempt),
      head: null,
    }),
  } as unknown as Ledger;
  const deps = { ledger, stores: { of: async () => store }, vault: { open: async () => ({}) } } as unknown as Deps;
  const step = { run: 'c#2', credential: 'c', kind: 'take-away', key: 'take-away/1' } as StepRef;
  const failed = await act(deps, { step, target: 1, survivor: 2 }).then(
    () => null,
    (error: unknown) => error,
  );
  return { asked, staged, unsent, failed };
}

describe.each([
  ['revoke', revokeVersion],
  ['disable', disableVersion],
] as const)('%s', (name, act) => {
  it('is not sent where the version that stays is not accepted, and says so of its intent', async () => {
    const { asked, staged, unsent, failed } = await takeAway(act, false);
    expect(failed).toMatchObject({ code: 'KR_GUARD_REFUSED' });
    expect(asked).toEqual(['probe']);
    expect(staged).toEqual([]);
    expect(unsent).not.toBe('no');
  });

  it('is sent once, after its guard has looked, and may have been sent from then on', async () => {
    const { asked, staged, unsent, failed } = await takeAway(act, true);
    expect(failed).toBeNull();
    expect(asked).toEqual(['probe', `${name} key-1`]);
    expect(staged).toEqual(['move-version']);
    expect(unsent).toBe('no');
  });
});
