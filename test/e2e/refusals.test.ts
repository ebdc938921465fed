/** Rotations that are refused before anything is changed, and the command line on bad days. */

import { once } from 'node:events';
import { userInfo } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rotationWorkflowId } from '../../workflows/contract.js';
import { rekey as run } from '../support/command-line.js';
import { Lane, sleep } from '../support/lane.js';
import { overlapMoments, reach } from '../support/moments.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(['datadog']);
});
afterAll(() => lane?.stop());

const rekey = (args: readonly string[], env: Record<string, string> = {}) => run(lane, args, { env });

async function expectUntouched(before: number): Promise<void> {
  expect((await lane.keys('datadog')).length).toBe(before);
  expect((await lane.database.query('select 1 from intents')).rowCount).toBe(0);
}

describe('a rotation is refused before any change', () => {
  it('when there is no room for one more key, naming the limit', async () => {
    await lane.fresh(['datadog/agents']);
    const keys = await lane.keys('datadog');
    const live = keys.filter((k) => k.state === 'live').length;
    await lane.ask('POST', '/vendors/datadog/limits', { maxKeys: live - 1 });
    const done = await rekey(['rotate', 'datadog/agents', '--wait', '--json']);
    expect(done.status).toBe(4);
    expect(done.json).toMatchObject({
      outcome: 'refused',
      reason: expect.stringContaining(`at most ${live - 1}`) as string,
    });
    await expectUntouched(keys.length);
    await lane.ask('POST', '/vendors/datadog/limits', { maxKeys: 50 });
  });

  it('when a consumer does not run, naming it', async () => {
    await lane.fresh(['datadog/agents']);
    const keys = await lane.keys('datadog');
    await lane.ask('POST', '/apps/web-2/refuse-start', { on: true });
    await lane.ask('POST', '/apps/web-2/crash');
    const done = await rekey(['rotate', 'datadog/agents', '--wait', '--json']);
    expect(done.status).toBe(4);
    expect(done.text).toContain('web-2');
    await expectUntouched(keys.length);
    await lane.ask('POST', '/apps/web-2/refuse-start', { on: false });
  });

  it('unless that consumer is left behind on purpose, with a reason', async () => {
    await lane.fresh(['datadog/agents']);
    await lane.ask('POST', '/apps/web-2/refuse-start', { on: true });
    await lane.ask('POST', '/apps/web-2/crash');
    expect((await rekey(['rotate', 'datadog/agents', '--without', 'web-2'])).status).toBe(2);
    const done = await rekey(['rotate', 'datadog/agents', '--wait', '--json', '--without', 'web-2', '--reason', 'a test']);
    expect(done.json).toMatchObject({ outcome: 'completed' });
    expect(done.status).toBe(0);
    await lane.ask('POST', '/apps/web-2/refuse-start', { on: false });
  });
});

describe('a second rotation of a credential', () => {
  it('joins when it asks for the same, and is refused when it asks for something else', async () => {
    await lane.fresh(['datadog/agents']);
    const first = (await rekey(['rotate', 'datadog/agents', '--json'])).json as { rotation: string };
    const second = (await rekey(['rotate', 'datadog/agents', '--json'])).json as { rotation: string };
    expect(second.rotation).toBe(first.rotation);
    const other = await rekey(['rotate', 'datadog/agents', '--json', '--without', 'web-1', '--reason', 'x']);
    expect(other.json).toMatchObject({
      ok: false,
      error: { code: 'KR_ALREADY_OPEN', message: `${first.rotation} is open with other options` },
    });
    expect((await lane.settled('datadog/agents')).outcome).toBe('completed');
    const { rows } = await lane.database.query(`select who from audit_events where kind = 'open'`);
    expect(rows).toEqual([{ who: { kind: 'person', name: userInfo().username, proof: 'none', channel: 'command-line' } }]);
  });

  it('is refused, or takes over, where the workflow of the open one is lost', async () => {
    await reach(lane, 'datadog/agents', overlapMoments[2]!);
    await lane.client.workflow.getHandle(rotationWorkflowId('datadog/agents')).terminate('it is lost');
    const other = await rekey(['rotate', 'datadog/agents', '--json', '--without', 'web-1', '--reason', 'x']);
    expect(other.json).toMatchObject({
      error: { code: 'KR_ALREADY_OPEN', message: 'datadog/agents#2 is open with other options' },
    });
    const same = await rekey(['rotate', 'datadog/agents', '--wait', '--json']);
    expect(same.json).toMatchObject({ rotation: 'datadog/agents#2', outcome: 'completed' });
  });
});

describe('a rotation that no worker takes up', () => {
  it('begins as soon as one serves, and whoever waits for it is told so meanwhile', async () => {
    await lane.fresh(['datadog/agents']);
    const worker = lane.workers.at(-1)!;
    const ended = once(worker, 'exit');
    worker.kill('SIGTERM');
    await ended;
    const without = await rekey(['rotate', 'datadog/agents', '--json']);
    expect(without.json).toMatchObject({ error: { code: 'KR_SERVICE_AWAY' } });
    const begun = lane.client.workflow.getHandle(rotationWorkflowId('datadog/agents'));
    const { runId, status: state } = await begun.describe();
    expect(state.name).toBe('RUNNING');
    let isOver = false;
    const waiting = rekey(['rotate', 'datadog/agents', '--wait', '--json']).finally(() => (isOver = true));
    await sleep(11_000);
    expect(isOver).toBe(false);
    await lane.startWorker();
    const { status, text } = await waiting;
    expect(status, text).toBe(0);
    expect(text).toContain('no worker took the rotation up');
    expect((await begun.describe()).runId).toBe(runId);
  });
});

describe('the command line', () => {
  it('says which service is away, and what it knows of the others', async () => {
    const database = await rekey(['status', '--json'], { DATABASE_URL: 'postgres://rekey@127.0.0.1:1/rekey' });
    expect(database.status).toBe(1);
    expect(database.json).toMatchObject({
      services: { postgres: { state: 'away' }, temporal: { state: 'running' } },
    });
    const temporal = await rekey(['rotate', 'datadog/agents', '--json'], { TEMPORAL_ADDRESS: '127.0.0.1:1' });
    expect(temporal.json).toMatchObject({
      error: { code: 'KR_SERVICE_AWAY', message: expect.stringContaining('Temporal') as string },
    });
  });

  it('ends with 2 on what it does not understand', async () => {
    expect((await rekey(['frobnicate'])).status).toBe(2);
    expect((await rekey(['rotate', '--json'])).json).toMatchObject({ ok: false, error: { code: 'KR_USAGE' } });
  });
});
