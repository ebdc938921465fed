/** What an incident would do, before it is confirmed. */
import { describe, expect, it } from 'vitest';
import { type CredentialAtHand, foresee, planIncident } from '../../../workflows/domain/incident-plan.js';

const credential = (name: string, more: Partial<CredentialAtHand> = {}): CredentialAtHand => ({
  name,
  store: 'dd',
  strategy: 'overlap',
  labels: [],
  consumers: [],
  versions: [
    { generation: 1, state: 'revoked' },
    { generation: 2, state: 'active' },
  ],
  openRun: null,
  confirm: 60_000,
  manual: [],
  derives: null,
  ...more,
});
const on = (host: string, ...names: readonly string[]) => ({ host, names });
const plan = (known: readonly CredentialAtHand[], by: 'key' | 'store' | 'host' | 'label' | 'list', ...names: string[]) =>
  planIncident(known, [{ by, names }], 'contain');
const ids = ({ keys }: ReturnType<typeof plan>) => keys.map(({ credential, generation }) => `${credential}#${generation}`);

describe('the keys of an incident', () => {
  const known = [
    credential('a/one', { labels: ['prod'], consumers: [on('web', 'w1')] }),
    credential('b/two', { store: 'al', consumers: [on('web', 'w1', 'w2'), on('db', 'd1')] }),
    credential('c/none', { versions: [] }),
  ];

  it('are found by name, version, store, host, label and list', () => {
    expect(ids(plan(known, 'key', 'a/one'))).toEqual(['a/one#2']);
    expect(ids(plan(known, 'key', 'a/one#1'))).toEqual(['a/one#1']);
    expect(ids(plan(known, 'store', 'al'))).toEqual(['b/two#2']);
    expect(ids(plan(known, 'host', 'db'))).toEqual(['b/two#2']);
    expect(ids(plan(known, 'label', 'prod'))).toEqual(['a/one#2']);
    expect(ids(plan(known, 'list', 'a/one', 'b/two'))).toEqual(['b/two#2', 'a/one#2']);
  });

  it('come with those first that more programs use, then by name, each once', () => {
    expect(
      ids(
        planIncident(
          known,
          [
            { by: 'store', names: ['dd', 'al'] },
            { by: 'key', names: ['a/one'] },
          ],
          'rotate',
        ),
      ),
    ).toEqual(['b/two#2', 'a/one#2']);
  });

  it('say when they leaked, where a report told it of that very version', () => {
    const leakedAt = new Map([['a/one#2', '2026-01-01T00:00:00.000Z']]);
    const { keys } = planIncident(known, [{ by: 'leaked', names: ['a/one#2', 'b/two#2'] }], 'rotate', leakedAt);
    expect(keys.map((key) => [key.credential, key.leakedAt])).toEqual([
      ['b/two', null],
      ['a/one', '2026-01-01T00:00:00.000Z'],
    ]);
  });

  it('are none where nothing is known by the name, or no key is there', () => {
    expect(plan(known, 'key', 'nobody', 'c/none', 'a/one#9')).toEqual({ keys: [], unknown: ['nobody', 'c/none', 'a/one#9'] });
  });
});

describe('what is said of a key', () => {
  const consumers = [on('web', 'w1', 'w2')];

  it('is who is refused meanwhile, where the served key dies first', () => {
    const known = [credential('a', { consumers, derives: 'more' })];
    expect(plan(known, 'key', 'a').keys[0]).toMatchObject({ refused: ['w1', 'w2'], derives: 'more', cannot: null });
    expect(planIncident(known, [{ by: 'key', names: ['a'] }], 'rotate').keys[0]!.refused).toEqual([]);
    expect(plan([credential('a', { consumers, strategy: 'in-place' })], 'key', 'a').keys[0]!.refused).toEqual([]);
  });

  it('is that it is dead already', () => {
    expect(plan([credential('a', { consumers })], 'key', 'a#1').keys[0]).toMatchObject({ state: 'revoked', refused: [] });
  });

  it('is that it cannot die at once where a person deletes keys', () => {
    const known = [credential('a', { manual: ['revoke'] })];
    expect(plan(known, 'key', 'a').keys[0]!.cannot).toContain('rotate it instead');
    expect(planIncident(known, [{ by: 'key', names: ['a'] }], 'rotate').keys[0]!.cannot).toBeNull();
  });
});

describe('what stores say of themselves', () => {
  const full = {
    keys: 50,
    minKeys: 1,
    maxKeys: 50,
    switches: { disable: false, undoDelete: 'none', listsKeys: true },
    request: 1_000,
    propagation: 1_000,
  } as const;
  const known = [credential('a'), credential('b', { store: 'al' }), credential('c', { store: 'al', strategy: 'in-place' })];
  const foreseen = (way: 'rotate' | 'contain') =>
    foresee(planIncident(known, [{ by: 'key', names: ['a#1', 'a', 'b', 'c'] }], way), way, null, [
      { store: 'dd', survey: full },
      { store: 'al', why: 'away' },
    ]);

  it('is that there is no room for another key, where one is made before', () => {
    const cannot = (way: 'rotate' | 'contain') => foreseen(way).keys.map((key) => [key.credential, key.generation, key.cannot]);
    const room = 'dd holds 50 of at most 50 keys; there is no room for one more: contain it instead';
    expect(cannot('rotate')).toEqual([
      ['a', 1, null],
      ['a', 2, room],
      ['b', 2, null],
      ['c', 2, null],
    ]);
    expect(cannot('contain').map(([, , cannot]) => cannot)).toEqual([null, null, null, null]);
  });

  it('is said of each store at which something is to be done, once for each strategy', () => {
    expect(foreseen('rotate').stores.map(({ store, keys }) => [store, keys])).toEqual([
      ['al', null],
      ['al', null],
      ['dd', 50],
    ]);
    expect(foresee(planIncident(known, [{ by: 'key', names: ['a#1'] }], 'rotate'), 'rotate', null, []).stores).toEqual([]);
  });
});
