/**
 * Random interleavings of attempts, late, doubled and dead, on the real ledger and a simulated
 * store: what is promised holds in each of them.
 */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { openLedger } from '../../activities/postgres/ledger.js';
import { openDatabase } from '../../activities/postgres/pool.js';
import { KeyFolder } from '../../activities/vault/key-folder.js';
import type { ConsumersSpec } from '../../workflows/domain/credential.js';
import { cloneDatabase } from '../support/database.js';
import { declared, declaring } from '../support/declared.js';
import { Clock, giveClock } from '../support/model/clock.js';
import { MintWorld } from '../support/model/mint-world.js';
import { RegenerateWorld } from '../support/model/regenerate-world.js';
import { RevokeWorld } from '../support/model/revoke-world.js';
import type { Bench } from '../support/model/world.js';
import { anOrder } from '../support/order.js';
import { tester } from '../support/who.js';

/**
 * `REKEY_MODEL_RUNS` worlds for each story, for a longer search; else as many as there is time for.
 * `REKEY_MODEL_SEED` repeats a search.
 */
const asked = process.env.REKEY_MODEL_RUNS;
const numRuns = Number(asked ?? 60);
/**
 * Milliseconds after which no further world begins. One that is interrupted would go on beside the
 * next, and move its clock.
 */
const longest = asked ? Number.POSITIVE_INFINITY : 8_000;
const timeout = 120_000 + numRuns * 2_000;
const seed = Number(process.env.REKEY_MODEL_SEED ?? Date.now() % 1_000_000_000);

let bench: Bench;
let worlds = 0;

const consumer = (name: string): ConsumersSpec => ({ kind: 'list', list: [{ name, host: 'host', settings: {} }] });

beforeAll(async () => {
  const { url, database } = await cloneDatabase();
  const configuration = declaring(
    declared('like-mint'),
    declared('like-revoke', { consumers: consumer('web-1') }),
    declared('like-regenerate', { consumers: consumer('app-1') }),
  );
  await (await openLedger(database)).saveConfiguration(anOrder(), configuration, 'h1', tester);
  await giveClock(database);
  await database.end();
  const clock = new Clock();
  clock.install();
  bench = { database: openDatabase(url, null), keys: new KeyFolder(inject('servers').keys, 'vault'), clock };
});

afterAll(async () => {
  vi.restoreAllMocks();
  await bench.database.end();
});

interface Playable {
  readonly trace: readonly string[];
  setUp(): Promise<void>;
  play(tape: readonly number[]): Promise<void>;
  check(): Promise<void>;
}

async function holds(make: (bench: Bench, credential: string) => Playable): Promise<void> {
  const tape = fc.array(fc.nat(1_000_000), { maxLength: 80, size: 'max' });
  const before = worlds;
  const until = Date.now() + longest;
  const story = async (choices: readonly number[]) => {
    if (Date.now() > until) return;
    const world = make(bench, `world-${++worlds}`);
    try {
      await world.setUp();
      await world.play(choices);
      await world.check();
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${world.trace.join('\n')}`);
    }
  };
  await fc.assert(fc.asyncProperty(tape, story), { numRuns, seed });
  console.info(`${worlds - before} worlds with seed ${seed}`);
  expect(worlds).toBeGreaterThan(before);
}

describe('attempts that are late, doubled or dead', () => {
  it(
    'of a mint leave no key that is neither used nor removed, where a secret is shown once',
    () => holds((b, name) => new MintWorld(b, name, 'never')),
    timeout,
  );

  it(
    'of a mint leave no key that is neither used nor removed, where a secret is shown again',
    () => holds((b, name) => new MintWorld(b, name, 'always')),
    timeout,
  );

  it(
    'of a revoke never end the last key that works, nor the old one while the rotation may turn back',
    () => holds((b, name) => new RevokeWorld(b, name)),
    timeout,
  );

  it(
    'of a regenerate leave the secret that works in the vault, and the old one while the rotation may turn back',
    () => holds((b, name) => new RegenerateWorld(b, name)),
    timeout,
  );
});
