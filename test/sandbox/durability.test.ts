import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { datadogHeaders, type RunningSandbox, request, SANDBOX, soarHeaders, startSandbox, until } from './support.js';

let home: string;
let sandbox: RunningSandbox;

beforeEach(async () => {
  home = mkdtempSync(path.join(tmpdir(), 'rekey-sandbox-'));
  sandbox = await startSandbox(undefined, home);
});
afterEach(async () => {
  await sandbox.end();
  rmSync(home, { recursive: true, force: true });
});

/** Programs of the sandbox, whichever sandbox of this home they belong to. */
function programs(): number[] {
  const file = path.join(home, 'state', 'processes.json');
  const recorded: Array<{ pid: number }> = JSON.parse(readFileSync(file, 'utf8'));
  return recorded.map(({ pid }) => pid).filter(isAlive);
}

function isAlive(pid: number): boolean {
  try {
    return readdirSync('/proc').includes(String(pid)) && readlinkSync(`/proc/${pid}/exe`) !== '';
  } catch {
    return false;
  }
}

describe('a sandbox that was killed', () => {
  it('goes on at the same addresses, with every key, and with its counters', async () => {
    const { datadog, soar } = sandbox.vendors;
    await request('POST', `${datadog.url}/api/v2/api_keys`, datadogHeaders(sandbox.vendors), {
      data: { type: 'api_keys', attributes: { name: 'just in time' } },
    });
    await request('POST', `${soar.url}/rest/orgs/${soar.orgId}/apps/102/undeploy`, soarHeaders(sandbox.vendors));
    await sandbox.tell('POST', '/faults', { vendor: 'soar', action: 'drop', method: 'DELETE' });
    const keys = await sandbox.tell('GET', '/keys');
    await until('traffic', async () => (await sandbox.traffic('web-1')).accepted > 20);
    await sandbox.end('SIGKILL');

    const again = await startSandbox(undefined, home);
    expect([again.control, again.vendors]).toEqual([sandbox.control, sandbox.vendors]);
    sandbox = again;
    const identity = ({ id, value, state }: { id: string; value: string; state: string }) => [id, value, state];
    expect((await sandbox.tell('GET', '/keys')).map(identity)).toEqual(keys.map(identity));
    expect((await sandbox.traffic('web-1')).accepted).toBeGreaterThan(10);
    expect(await sandbox.traffic('web-1')).toMatchObject({ lost: 0, downMs: 0 });
    expect(await sandbox.tell('GET', '/faults')).toMatchObject([{ vendor: 'soar', left: 1 }]);
    const app = () => request('GET', `${soar.url}/rest/orgs/${soar.orgId}/apps/102`, soarHeaders(sandbox.vendors));
    await until('undeployed', async () => (await app()).body.status === 'UNDEPLOYED');
    expect((await app()).body.instances).toEqual([]);
  });

  it('leaves programs that end by themselves, or are ended by the next one', async () => {
    const { length } = await sandbox.tell('GET', '/traffic');
    const left = programs();
    expect(left).toHaveLength(length);
    // One that hears nothing any more cannot end by itself.
    process.kill(left[0]!, 'SIGSTOP');
    await sandbox.end('SIGKILL');
    await until('the others ended', () => left.filter(isAlive).length === 1);
    sandbox = await startSandbox(undefined, home);
    expect(left.filter(isAlive)).toEqual([]);
    expect(programs()).toHaveLength(length);
  });

  it('never ends a process that only has the number of one of its own', async () => {
    await sandbox.end('SIGKILL');
    const bystander = spawn('sleep', ['60']);
    const file = path.join(home, 'state', 'processes.json');
    const recorded = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify([...recorded, { ...recorded[0], pid: bystander.pid }]));
    sandbox = await startSandbox(undefined, home);
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
    bystander.kill();
  });
});

describe('a sandbox that is asked to end', () => {
  it('ends with 0 and leaves no process and no loss behind', async () => {
    await until('traffic', async () => (await sandbox.traffic('enrichment')).accepted > 5);
    const running = programs();
    expect(await sandbox.end('SIGTERM')).toBe(0);
    expect(running.filter(isAlive)).toEqual([]);
    const { rows } = JSON.parse(readFileSync(path.join(home, 'state', 'traffic.json'), 'utf8'));
    for (const row of rows) expect(row).toMatchObject({ refused: 0, lost: 0, failedLogins: 0 });
  });
});

it('goes on when the process that started it has died', async () => {
  const other = mkdtempSync(path.join(tmpdir(), 'rekey-sandbox-'));
  const script = `const c = require('child_process').spawn(process.execPath, [${JSON.stringify(SANDBOX)}, '--home', ${JSON.stringify(other)}], { stdio: ['ignore', 'pipe', 'pipe'] });
    c.stdout.once('data', (line) => { process.stdout.write(JSON.stringify({ pid: c.pid, ...JSON.parse(line) })); process.exit(); });`;
  const starter = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  for await (const piece of starter.stdout) text += piece;
  const { pid, control } = JSON.parse(text);
  try {
    await request('POST', `${control}/apps/web-1/crash`, {});
    await sleep(600);
    const rows = (await request('GET', `${control}/traffic`, {})).body;
    expect(rows.find(({ app }: { app: string }) => app === 'web-1').downMs).toBeGreaterThan(0);
  } finally {
    process.kill(pid, 'SIGTERM');
    await until('ended', () => !isAlive(pid));
    rmSync(other, { recursive: true, force: true });
  }
});
