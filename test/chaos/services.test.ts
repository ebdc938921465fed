/**
 * PostgreSQL, Temporal, the worker, the sandbox or all of them are killed with -9 in the middle of
 * a rotation that `rekey up` runs.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pace } from '../support/lane.js';
import { Up } from '../support/up.js';

let up: Up;
beforeAll(async () => {
  up = await Up.start(['datadog', 'soar', 'docspace'], pace);
});
afterAll(() => up?.stop());

async function expectHealthy(credential: string, apps: readonly string[]): Promise<void> {
  const rotation = await up.ended(credential);
  expect(rotation.outcome).toBe('completed');
  const [version] = await up.query<{ fingerprint: string; key_id: string }>(
    `select fingerprint, key_id from versions where credential = $1 and state = 'active'`,
    [credential],
  );
  const now = async () => (await up.traffic()).filter((t) => apps.includes(t.app));
  const traffic = await up.until(`everybody to be on ${version!.fingerprint}`, async () => {
    const rows = await now();
    return rows.length === apps.length && rows.every((t) => t.fingerprint === version!.fingerprint) && rows;
  });
  expect(traffic.map((t) => [t.app, t.refused, t.lost])).toEqual(traffic.map((t) => [t.app, 0, 0]));
}

const agents = ['web-1', 'web-2', 'legacy', 'reporter'];
const apps = ['enrichment', 'phishing'];

describe('an overlap rotation', () => {
  it.each(['postgres', 'temporal', 'sandbox'] as const)('goes on after %s was killed', async (victim) => {
    await up.rotate('datadog/agents', 'overlap');
    await up.reached('datadog/agents', ['distributing']);
    process.kill(up.pids[victim]!, 'SIGKILL');
    await expectHealthy('datadog/agents', agents);
  });

  it('goes on after everything was killed at once and `up` was started again, although another vendor answers nothing but errors', async () => {
    await up.rotate('datadog/agents', 'overlap');
    await up.reached('datadog/agents', ['distributing', 'draining']);
    await up.post('/faults', { vendor: 'docspace', when: 'before', action: 'status', status: 502, times: 1_000 });
    for (const pid of Object.values(up.pids)) process.kill(pid, 'SIGKILL');
    await up.again();
    await expectHealthy('datadog/agents', agents);
    await up.forgetFaults();
  });
});

describe('an in-place rotation', () => {
  it.each(['postgres', 'temporal', 'worker'] as const)('goes on after %s was killed in its window', async (victim) => {
    await up.rotate('soar/enrichment', 'in-place');
    await up.reached('soar/enrichment', ['undeploying', 'regenerating', 'updating', 'deploying']);
    process.kill(up.pids[victim]!, 'SIGKILL');
    await expectHealthy('soar/enrichment', apps);
  });
});

describe("Temporal's whole database", () => {
  it.each([
    ['datadog/agents', 'overlap', ['distributing'], agents],
    ['soar/enrichment', 'in-place', ['undeploying', 'regenerating', 'updating', 'deploying'], apps],
  ] as const)('may be deleted in the middle of %s: the ledger brings it back', async (credential, strategy, phases, programs) => {
    await up.rotate(credential, strategy);
    await up.reached(credential, [...phases]);
    for (const pid of Object.values(up.pids)) process.kill(pid, 'SIGKILL');
    rmSync(path.join(up.home, 'temporal'), { recursive: true });
    await up.again();
    await expectHealthy(credential, programs);
  });
});

describe('a second `up` on the same home', () => {
  it('is refused, and names the first', async () => {
    const { spawnSync } = await import('node:child_process');
    const second = spawnSync(
      process.execPath,
      [path.resolve(import.meta.dirname, '../../dist/worker/commands/up.js'), '--json'],
      { env: { ...process.env, REKEY_HOME: up.home }, encoding: 'utf8' },
    );
    expect(second.status).toBe(2);
    expect(second.stdout).toContain(String(up.pids.up));
  });
});
