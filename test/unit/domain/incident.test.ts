/** What an incident does next about its keys: in order, a few at a time, and each to an end. */
import { describe, expect, it } from 'vitest';
import { evidenceFor, type ItemFacts, mostPerStore, nextRound, type RunAtHand } from '../../../workflows/domain/incident.js';

const item = (credential: string, more: Partial<ItemFacts> = {}): ItemFacts => ({
  credential,
  generation: 1,
  store: 'store',
  strategy: 'overlap',
  declared: true,
  isDead: false,
  isReplaced: false,
  open: null,
  ended: null,
  ...more,
});
const urgency = { incident: 'incident-1', way: 'rotate', revokeBy: null } as const;
const run = (more: Partial<RunAtHand> = {}): RunAtHand => ({
  id: 'r',
  isUpdate: false,
  urgency,
  makesLeaked: false,
  waitsForPerson: false,
  options: { without: [] },
  ...more,
});
const rotate = { incident: 'incident-2', way: 'rotate', paused: false } as const;
const begun = (items: readonly ItemFacts[], failures = {}) =>
  nextRound(rotate, items, failures).begin.map(({ credential }) => credential);

describe('the next round of an incident', () => {
  it('begins keys in their order, as many at one store as may be open, and holds up no other store', () => {
    const many = Array.from({ length: mostPerStore + 2 }, (_, at) => item(`a${at}`));
    const other = item('b', { store: 'other' });
    expect(begun([...many, other])).toEqual([...many.slice(0, mostPerStore).map((i) => i.credential), 'b']);
  });

  it('gives the place of a run that waits for a person to the next key', () => {
    const open = Array.from({ length: mostPerStore }, (_, at) => item(`a${at}`, { open: run() }));
    expect(begun([...open, item('next')])).toEqual([]);
    const waiting = item('a0', { open: run({ waitsForPerson: true }) });
    expect(begun([waiting, ...open.slice(1), item('next')])).toEqual(['next']);
  });

  it('has one run for a credential of which two versions have leaked', () => {
    expect(begun([item('a'), item('a', { generation: 2 })])).toEqual(['a']);
  });

  const ended = (outcome: string, reason: string | null = null) => ({ id: 'r', outcome, reason });
  it.each([
    ['was gone before', item('a', { isDead: true }), 'already-dead', null],
    ['was ended by its run', item('a', { isDead: true, ended: ended('completed') }), 'done', null],
    ['still lives behind a run that turned back', item('a', { ended: ended('compensated', 'why') }), 'failed', 'why'],
    ['still lives behind a run that was refused', item('a', { ended: ended('refused', 'no room') }), 'failed', 'no room'],
    ['is declared no more', item('a', { declared: false }), 'failed', 'it is not declared any more'],
  ])('settles a key that %s', (_, facts, outcome, reason) => {
    const { settled, begin } = nextRound(rotate, [facts], {});
    expect([settled.map((s) => [s.outcome, s.reason]), begin]).toEqual([[[outcome, reason]], []]);
  });

  it('settles nothing while a run is open: it hands out what comes in the place of the key', () => {
    expect(nextRound(rotate, [item('a', { isDead: true, open: run() })], {}).settled).toEqual([]);
  });

  it('lets another run follow where one has completed and a key still lives', () => {
    expect(begun([item('a', { ended: ended('completed') })])).toEqual(['a']);
  });

  it('lets another run follow one that was superseded: what it replaced may be dead, and nothing is in its place', () => {
    const dead = { isDead: true, ended: ended('superseded') };
    expect(begun([item('a', dead)])).toEqual(['a']);
    expect(begun([item('a', { ...dead, isReplaced: true })])).toEqual([]);
  });

  it('lets one whose run could not be begun fail alone', () => {
    const { settled, begin } = nextRound(rotate, [item('a'), item('b')], { a: 'KR_NOT_FOUND: nobody' });
    expect(settled).toMatchObject([{ credential: 'a', outcome: 'failed', reason: 'KR_NOT_FOUND: nobody' }]);
    expect(begin).toMatchObject([{ credential: 'b' }]);
  });

  it('begins nothing while it is paused', () => {
    expect(nextRound({ ...rotate, paused: true }, [item('a')], {}).begin).toEqual([]);
  });

  it.each([
    ['knows of no incident', 'rotate', run({ urgency: null }), true],
    ['is to rotate, and is told to contain', 'contain', run(), true],
    ['is told already', 'rotate', run(), false],
    ['makes a version that has leaked, too', 'rotate', run({ makesLeaked: true }), true],
    [
      'was told so by this very incident',
      'contain',
      run({ makesLeaked: true, urgency: { ...urgency, incident: 'incident-2' } }),
      false,
    ],
    ['contains already', 'rotate', run({ urgency: { ...urgency, way: 'contain' } }), false],
    ['changes a key and makes none', 'rotate', run({ urgency: null, isUpdate: true }), true],
  ] as const)('tells an open run that %s', (_, way, open, isTold) => {
    expect(nextRound({ ...rotate, way }, [item('a', { open })], {}).tell).toHaveLength(isTold ? 1 : 0);
  });
});

it('asks for the strongest evidence in an incident, whatever is declared', () => {
  expect([evidenceFor(null, 'rolled-out'), evidenceFor(urgency, 'rolled-out')]).toEqual(['rolled-out', 'uses']);
});
