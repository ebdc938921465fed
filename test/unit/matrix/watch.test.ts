/**
 * Whoever watches how a leaked key is replaced tells a refusal too early from one too late, and a
 * program that comes back to the leaked key.
 */
import { expect, it } from 'vitest';
import { Secret } from '../../../activities/ports/secret.js';
import type { Way } from '../../../workflows/domain/incident.js';
import { watchHandOut } from '../../matrix/watch.js';
import { type Lane, sleep } from '../../support/lane.js';

const old = 'a'.repeat(16) + 'b'.repeat(16);
const fingerprint = { old: new Secret(old).fingerprint, other: 'another' };
/** What the vendor shows at one look: the leaked key, the program's key, and its refusals. */
type Seen = readonly [leaked: 'live' | 'deleted', on: keyof typeof fingerprint, refused: number];

async function watched(way: Way, ...seen: readonly Seen[]): Promise<readonly string[]> {
  let looks = 0;
  const now = () => seen[Math.min(Math.max(looks - 1, 0), seen.length - 1)]!;
  const lane = {
    traffic: async () => {
      looks++;
      const [, on, refused] = now();
      return [{ app: 'legacy', fingerprint: fingerprint[on], refused, lost: refused }];
    },
    keys: async () => [{ id: 'first', name: 'agents', value: old, state: now()[0] }],
  } as unknown as Lane;
  const watch = await watchHandOut(lane, 'datadog/agents', way);
  while (looks < seen.length) await sleep(10);
  return watch.end();
}

it.each<[string, Way, readonly Seen[], readonly string[]]>([
  [
    'refusals between death and hand-out',
    'contain',
    [
      ['live', 'old', 0],
      ['deleted', 'old', 3],
      ['deleted', 'other', 4],
      ['deleted', 'other', 4],
    ],
    [],
  ],
  [
    'no refusals',
    'rotate',
    [
      ['live', 'old', 0],
      ['live', 'other', 0],
      ['deleted', 'other', 0],
    ],
    [],
  ],
  [
    'one before the death',
    'contain',
    [
      ['live', 'old', 0],
      ['live', 'old', 1],
      ['deleted', 'other', 1],
    ],
    ['legacy was refused although the leaked key was alive'],
  ],
  [
    'one on another key',
    'contain',
    [
      ['live', 'old', 0],
      ['deleted', 'other', 2],
      ['deleted', 'other', 3],
    ],
    ['legacy was refused although it was on another key'],
  ],
  [
    'a hand-out before the death',
    'contain',
    [
      ['live', 'old', 0],
      ['live', 'other', 0],
      ['deleted', 'other', 0],
    ],
    ['legacy was handed another key before the leaked one was dead'],
  ],
  [
    'a way back to the leaked key',
    'rotate',
    [
      ['live', 'old', 0],
      ['live', 'other', 0],
      ['live', 'old', 0],
    ],
    ['legacy is on the leaked key again'],
  ],
])('sees %s', async (_, way, seen, found) => expect(await watched(way, ...seen)).toEqual(found));
