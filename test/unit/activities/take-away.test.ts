/**
 * Nothing that takes a version away is sent without its guard, and a refusal closes its intent as
 * not sent. Before it is, the key that stays gets the places that it lacks.
 */
import { describe, expect, it } from 'vitest';
import { disableVersion } from '../../../activities/steps/disable.js';
import { revokeVersion } from '../../../activities/steps/retire.js';
import { depsOf, stepRef, timing } from './effects.js';

interface Told {
  /** What the store was asked to do, in order; a probe is what the guard looks with. */
  readonly asked: readonly string[];
  /** What the ledger is to write of the attempt. */
  readonly staged: readonly string[];
  readonly unsent: string;
  readonly failed: unknown;
}

/** Takes generation 1 away, for generation 2, which the store accepts or not. */
async function takeAway(act: typeof revokeVersion | typeof disableVersion, isAlive: boolean, lists = false): Promise<Told> {
  const asked: string[] = [];
  const store = {
    capabilities: { listsKeys: true, minKeys: 0, probeRetryOn401: false, disable: true, timing },
    check: async () => ({ identity: 'a', managementKeyId: null, keys: 2, maxKeys: null }),
    describe: async (id: string) => ({ id, name: id, state: 'live', rights: {}, secretChanged: null }),
    probe: async () => {
      asked.push('probe');
      return { endpoints: [{ endpoint: 'api', accepted: isAlive }] };
    },
    revoke: async (id: string) => void asked.push(`revoke ${id}`),
    disable: async (id: string) => void asked.push(`disable ${id}`),
    ...(lists && { copyMemberships: async (id: string, like: string) => asked.push(`${id} like ${like}`) > 0 }),
  };
  const { deps, told } = depsOf({ store });
  const failed = await act(deps, { step: stepRef('take-away/1'), target: 1, survivor: 2 }).then(
    () => null,
    (error: unknown) => error,
  );
  const { staged, unsent } = told.steps[0]!;
  return { asked, staged, unsent, failed };
}

describe.each([
  ['revoke', revokeVersion],
  ['disable', disableVersion],
] as const)('%s', (name, act) => {
  it('is not sent where the version that stays is not accepted, and says so of its intent', async () => {
    const { asked, staged, unsent, failed } = await takeAway(act, false, true);
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

  it('gives the key that stays the places of the one that goes, before that one goes', async () => {
    expect((await takeAway(act, true, true)).asked).toEqual(['probe', 'key-2 like key-1', `${name} key-1`]);
  });
});
