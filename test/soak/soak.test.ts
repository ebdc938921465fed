/**
 * Rotations one after the other, while everything that takes part in them is killed at random
 * moments and their requests meet random faults.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { dataConverter } from '../../client/codec.js';
import { rotationWorkflowId } from '../../workflows/contract.js';
import { type FaultKind, faultKinds } from '../matrix/faults.js';
import { leaksOf, secretsOf } from '../matrix/leaks.js';
import { vendorsOf } from '../matrix/requests.js';
import { judge, type Observed } from '../matrix/world.js';
import { sleep } from '../support/lane.js';
import { programsOf } from '../support/programs.js';
import { Up } from '../support/up.js';
import { Killer, seeded } from './killer.js';

const seed = Number(process.env.REKEY_SOAK_SEED ?? Math.floor(Math.random() * 1e9));
const kills = Number(process.env.REKEY_SOAK_KILLS ?? 200);
const minutes = Number(process.env.REKEY_SOAK_MINUTES ?? 60);
const strategies = { 'datadog/agents': 'overlap', 'docspace/exports': 'overlap', 'soar/enrichment': 'in-place' } as const;
const credentials = Object.keys(strategies) as (keyof typeof strategies)[];
/** A rotation that takes longer, kills and all, has stopped. */
const longest = 300_000;

let up: Up;
beforeAll(async () => {
  up = await Up.start(['datadog', 'docspace', 'soar']);
  // A soak makes more keys than DocSpace lets anybody make in a quarter of an hour.
  await up.post('/vendors/docspace/limits', { creations: 1_000 });
}, 600_000);
afterAll(() => up?.stop());

async function client<Result>(use: (client: Client) => Promise<Result>): Promise<Result> {
  return up.patiently(async () => {
    const connection = await Connection.connect({ address: up.ready.temporal, connectTimeout: '2s' });
    try {
      return await use(new Client({ connection, dataConverter: dataConverter(path.join(up.home, 'keys')) }));
    } finally {
      await connection.close();
    }
  });
}

const world = (): Observed => ({
  query: (sql, values = []) => up.query<never>(sql, values),
  keys: (vendor) => up.keys(vendor),
  traffic: () => up.traffic(),
  history: (credential) => client((it) => it.workflow.getHandle(rotationWorkflowId(credential)).fetchHistory()),
  said: () =>
    readdirSync(path.join(up.home, 'logs'))
      .map((file) => readFileSync(path.join(up.home, 'logs', file), 'utf8'))
      .join('\n'),
  codec: path.join(up.home, 'keys'),
  sandbox: path.join(up.home, 'sandbox'),
});

/**
 * The one before may have its outcome and still be ending; or this one was started, and the answer
 * was lost.
 */
const startUnlessRunning = (credential: keyof typeof strategies): Promise<void> =>
  up.rotate(credential, strategies[credential]).catch((error: Error) => {
    if (error.name !== 'WorkflowExecutionAlreadyStartedError') throw error;
  });

/** Starts one and waits for its end; a person is needed for none of them. */
async function rotateOnce(credential: keyof typeof strategies): Promise<string> {
  const last = (await up.rotation(credential))?.id;
  for (const until = performance.now() + longest; performance.now() < until; await sleep(250)) {
    const rotation = await up.rotation(credential);
    if (rotation?.waits_for?.person) throw new Error(`${rotation.id} waits for ${rotation.waits_for.text}`);
    if (rotation && rotation.id !== last && rotation.outcome) return rotation.outcome;
    if (rotation?.id === last) await up.patiently(() => startUnlessRunning(credential));
  }
  throw new Error(`${credential} has not ended: ${JSON.stringify(await up.rotation(credential))}`);
}

it(`keeps every promise through ${kills} kills`, async () => {
  console.log(`REKEY_SOAK_SEED=${seed}`);
  const random = seeded(seed);
  const killer = new Killer(up, random);
  const before = new Map(await Promise.all(credentials.map(async (c) => [c, await up.keys(c.split('/')[0]!)] as const)));
  const until = performance.now() + minutes * 60_000;
  let over = false;
  const outcomes: string[] = [];
  const faults: FaultKind[] = faultKinds.filter((kind) => !kind.kills);

  const rotating = credentials.map(async (credential) => {
    while (!over) {
      outcomes.push(`${credential} ${await rotateOnce(credential)}`);
      const refused = (await up.traffic()).filter((t) => t.refused > 0 || t.lost > 0);
      if (refused.length > 0) throw new Error(`after ${outcomes.at(-1)}: ${JSON.stringify(refused)}`);
    }
  });
  const breaking = (async () => {
    while (!over && killer.total < kills && performance.now() < until) {
      const victim = await killer.strike();
      const vendors = credentials.flatMap((c) => vendorsOf[c]);
      const vendor = vendors[Math.floor(random() * vendors.length)]!;
      const kind = faults[Math.floor(random() * faults.length)]!;
      // What is held for longer than its own rotation would be a request that no vendor keeps so
      // long.
      if (kind.name !== 'late') await up.post('/faults', { vendor, skip: Math.floor(random() * 20), ...kind.spec });
      if (killer.total % 10 === 0) console.log(`${killer.total} kills, ${outcomes.length} rotations; last: ${victim}`);
    }
    over = true;
  })();
  try {
    await Promise.all([...rotating, breaking]);
  } finally {
    over = true;
    await breaking.catch(() => undefined);
  }

  await up.forgetFaults();
  const ends = Object.fromEntries([...new Set(outcomes)].map((o) => [o, outcomes.filter((other) => other === o).length]));
  const verdicts = await Promise.all(
    credentials.map((credential) => judge(world(), credential, programsOf(credential), before.get(credential)!, null)),
  );
  const leaks = await leaksOf(world(), credentials, await secretsOf(world(), []));
  const sum = (of: 'sent' | 'refused' | 'lost' | 'orphans' | 'failedLogins') => verdicts.reduce((total, v) => total + v[of], 0);
  console.log(
    `${killer.total} kills (${[...killer.killed].map(([who, count]) => `${who} ${count}`).join(', ')}), rotations ${JSON.stringify(ends)}; ` +
      `sent ${sum('sent')}, refused ${sum('refused')}, lost ${sum('lost')}, orphans ${sum('orphans')}, failed logins ${sum('failedLogins')}`,
  );
  const broken = verdicts.flatMap((v) => v.violations.filter((text) => !text.startsWith('failed logins')));
  expect([...broken, ...leaks]).toEqual([]);
  // Each rotation may lose one login to a fault, none more.
  expect(sum('failedLogins')).toBeLessThanOrEqual(outcomes.filter((o) => o.startsWith('soar')).length);
  expect(killer.total > 0 && outcomes.some((o) => o.endsWith('completed'))).toBe(true);
}, 7_200_000);
