/**
 * Nothing that takes a version away is sent without its guard, and a refusal closes its intent as
 * not sent. Before it is, the key that stays gets the places that it lacks.
 */
import { afterEach, describe, expect, it, vi } from 'vitest';
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

interface More {
  readonly lists?: boolean;
  /** What happens while the store is asked for its lists, between the guard and the send. */
  readonly meanwhile?: () => void;
  /** Milliseconds since the one consumer was looked at; none is required unless it is said. */
  readonly ageMs?: number;
  /** What the store says of who uses generation 1 now, where it can say so. */
  readonly inUse?: string | null;
}

/** The one consumer, where one is required. */
const well = {
  consumer: 'web-1',
  healthy: true,
  instances: [{ id: '1', generation: 2, evidence: 'uses' }],
  source: 2,
  showsSource: true,
  detail: '',
};

/** Takes generation 1 away, for generation 2, which the store accepts or not. */
async function takeAway(
  act: typeof revokeVersion | typeof disableVersion,
  isAlive: boolean,
  { lists = false, meanwhile = () => undefined, ageMs, inUse }: More = {},
): Promise<Told> {
  const asked: string[] = [];
  const store = {
    capabilities: {
      listsKeys: true,
      minKeys: 0,
      probeRetryOn401: false,
      disable: true,
      lastUsed: inUse === undefined ? 'exact' : 'weak',
      timing,
    },
    check: async () => ({ identity: 'a', managementKeyId: null, keys: 2, maxKeys: null }),
    describe: async (id: string) => ({ id, name: id, state: 'live', rights: {}, secretChanged: null }),
    probe: async () => {
      asked.push('probe');
      return { endpoints: [{ endpoint: 'api', accepted: isAlive }] };
    },
    revoke: async (id: string) => void asked.push(`revoke ${id}`),
    disable: async (id: string) => void asked.push(`disable ${id}`),
    ...(inUse !== undefined && { lastUsed: async () => inUse }),
    copyMemberships: async (id: string, like: string) => {
      meanwhile();
      return lists && asked.push(`${id} like ${like}`) > 0;
    },
  };
  const targets = ageMs === undefined ? [] : [{ name: 'web-1', host: 'h', settings: {} }];
  const { deps, told } = depsOf({ store, run: { targets }, inspections: [{ ...well, ageMs }] });
  const failed = await act(deps, { step: stepRef('take-away/1'), target: 1, survivor: 2 }).then(
    () => null,
    (error: unknown) => error,
  );
  const { staged, unsent } = told.steps[0]!;
  return { asked, staged, unsent, failed };
}

afterEach(() => void vi.restoreAllMocks());

describe.each([
  ['revoke', revokeVersion],
  ['disable', disableVersion],
] as const)('%s', (name, act) => {
  it('is not sent where the version that stays is not accepted, and says so of its intent', async () => {
    const { asked, staged, unsent, failed } = await takeAway(act, false, { lists: true });
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
    expect((await takeAway(act, true, { lists: true })).asked).toEqual(['probe', 'key-2 like key-1', `${name} key-1`]);
  });

  /** Both clocks go on; or only one of them, as in a machine that sleeps. */
  const pass = (milliseconds: number, clocks: 'both' | 'wall' | 'monotonic' = 'both') => {
    const [monotonic, wall] = [performance.now(), Date.now()];
    if (clocks !== 'wall') vi.spyOn(performance, 'now').mockImplementation(() => monotonic + milliseconds);
    if (clocks !== 'monotonic') vi.spyOn(Date, 'now').mockImplementation(() => wall + milliseconds);
  };

  it.each([
    'both',
    'wall',
    'monotonic',
  ] as const)('is not sent once the guard has looked too long ago, by %s of the clocks, and says so of its intent', async (clocks) => {
    const { asked, staged, unsent, failed } = await takeAway(act, true, { meanwhile: () => pass(31_000, clocks) });
    expect(failed).toMatchObject({ code: 'KR_GUARD_STALE' });
    expect([asked, staged]).toEqual([['probe'], []]);
    expect(unsent).not.toBe('no');
  });

  it('is not sent while the store sees a use of it at this very moment, whatever the consumers show', async () => {
    const { asked, failed } = await takeAway(act, true, { ageMs: 10, inUse: '1 open at noon' });
    expect(failed).toMatchObject({ code: 'KR_CONSUMER_BEHIND', detail: expect.stringContaining('1 open at noon') as string });
    expect(asked).toEqual(['probe']);
    expect((await takeAway(act, true, { ageMs: 10, inUse: null })).failed).toBeNull();
  });

  it('goes by the earliest look that its guard rests on, as old as it is when nothing is left but to send', async () => {
    const sent = await takeAway(act, true, { ageMs: 20_000, meanwhile: () => pass(9_000) });
    expect(sent.asked).toEqual(['probe', `${name} key-1`]);
    vi.restoreAllMocks();
    const late = await takeAway(act, true, { ageMs: 20_000, meanwhile: () => pass(11_000) });
    expect(late.failed).toMatchObject({ code: 'KR_GUARD_STALE' });
    expect(late.asked).toEqual(['probe']);
  });
});
