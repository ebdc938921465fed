/**
 * What others on the machine of a `rekey up` get: a web page no answer of Temporal's, and the
 * accounts and programs beside it nothing of what `rekey up` was told.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Up } from '../support/up.js';

const planted = 'REKEY_TEST_PLANTED_MANAGEMENT_KEY';
let up: Up;
beforeAll(async () => {
  process.env[planted] = 'planted-0123456789abcdef';
  up = await Up.start(['datadog']);
});
afterAll(async () => {
  delete process.env[planted];
  await up?.stop();
});

describe('a web page', () => {
  const ask = (route: string, init: RequestInit = {}) => {
    const { ports } = JSON.parse(readFileSync(path.join(up.home, 'state.json'), 'utf8')) as { ports: Record<string, number> };
    return fetch(`http://127.0.0.1:${ports.temporalHttp}/api/v1/namespaces/default/${route}`, init);
  };
  it('reads nothing from the embedded Temporal', async () => {
    const answer = await ask('workflows', { headers: { origin: 'https://evil.example' } });
    expect(answer.status).toBe(403);
    expect(await answer.text()).not.toContain('planner');
  });

  it('starts nothing by the request that a browser sends without asking', async () => {
    const body = JSON.stringify({ workflowType: { name: 'applyConfiguration' }, taskQueue: { name: 'rekey' }, input: [{}] });
    const answer = await ask('workflows/forged', {
      method: 'POST',
      body,
      headers: { origin: 'https://evil.example', 'content-type': 'text/plain' },
    });
    expect(answer.status).toBe(403);
    expect(await answer.text()).not.toContain('runId');
  });
});

/** The environment of a process. */
const environmentOf = (pid: number): readonly string[] => readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
const namesOf = (pid: number) => environmentOf(pid).map((entry) => entry.split('=', 1)[0]);

/** Every process that came from one, itself included. */
function familyOf(pid: number): readonly number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        return [{ pid: Number(name), parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) }];
      } catch {
        return []; // It has ended.
      }
    });
  return [pid, ...parents.filter(({ parent }) => parent === pid).flatMap((child) => familyOf(child.pid))];
}

describe.runIf(readdirSync('/').includes('proc'))('the environment of `rekey up`', () => {
  it.each(['postgres', 'temporal', 'sandbox'] as const)('is not told to %s, nor to what it starts', (name) => {
    const family = familyOf(up.ready.pids[name]);
    expect(family.length).toBeGreaterThan(name === 'temporal' ? 0 : 1);
    for (const pid of family) {
      expect(namesOf(pid)).not.toContain(planted);
      expect(
        namesOf(pid).filter((key) => /^(REKEY_|TEMPORAL_|DATABASE_URL|AWS_|NODE_OPTIONS|NODE_EXTRA)/.test(key ?? '')),
      ).toEqual([]);
    }
    expect(namesOf(up.ready.pids[name])).toContain('PATH');
  });

  it('is told to the worker, whose references may name it, and what it needs with no password', () => {
    expect(namesOf(up.ready.pids.worker)).toContain(planted);
    const password = readFileSync(path.join(up.home, 'keys', 'postgres-password'), 'utf8').trim();
    expect(environmentOf(up.ready.pids.worker).join('\n')).not.toContain(password);
  });
});
