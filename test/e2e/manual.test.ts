/**
 * A person carries out what the vendor has no API for; everything around it is the same, and what
 * that person says is looked at.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { rekey as run } from '../support/command-line.js';
import { expectInPlaceConverged, expectOverlapConverged, strangersOf } from '../support/converged.js';
import { Lane } from '../support/lane.js';
import type { SandboxCredential } from '../support/programs.js';
import { asOperator } from '../support/soar-credentials.js';

let lane: Lane;
let strangers: readonly string[];
let api: (method: string, route: string, body?: object) => Promise<never>;
beforeAll(async () => {
  lane = await Lane.start();
});
afterAll(() => lane?.stop());

const rekey = (args: readonly string[], input = '') => run(lane, args, { input });

const manual = (effects: string) => (text: string) =>
  text
    .replace('kind: datadog\n', `kind: datadog\n    manual: [${effects}]\n`)
    .replace('kind: soar\n', 'kind: soar\n    manual: [regenerate]\n');

/** What it waits for now, once a person is asked. */
async function asked(credential: string): Promise<{ id: string; text: string; instructions: readonly string[] }> {
  const rotation = await lane.until(`${credential} to ask`, async () => {
    const now = await lane.rotation(credential);
    if (now?.outcome) throw new Error(`${now.outcome}: ${now.reason}`);
    return now?.waits_for?.text.startsWith('a person to') ? now : undefined;
  });
  const { text, instructions = [] } = rotation.waits_for!;
  return { id: rotation.id, text, instructions };
}

/** The key that the instructions name, made in the vendor's own interface. */
async function makeKey(instructions: readonly string[]): Promise<{ id: string; key: string }> {
  const name = /rekey-[0-9a-z]+-[0-9a-z]+/.exec(instructions.join())![0];
  const { data } = (await api('POST', '/api/v2/api_keys', { data: { type: 'api_keys', attributes: { name } } })) as {
    data: { id: string; attributes: { key: string } };
  };
  return { id: data.id, key: data.attributes.key };
}

async function fresh(credential: SandboxCredential, effects: string): Promise<void> {
  await lane.fresh([credential], manual(effects));
  strangers = await strangersOf(lane);
  const { rows } = await lane.database.query<{ url: string }>(
    `select document->'stores'->'datadog'->'settings'->>'url' as url from configurations order by position desc limit 1`,
  );
  const secret = (name: string) => readFileSync(path.join(path.dirname(lane.config), 'secrets', name), 'utf8').trim();
  api = async (method, route, body) => {
    const answer = await fetch(`${rows[0]!.url}${route}`, {
      method,
      headers: {
        'content-type': 'application/json',
        'dd-api-key': secret('datadog-api-key'),
        'dd-application-key': secret('datadog-application-key'),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return (answer.status === 204 ? null : await answer.json()) as never;
  };
}

describe('a rotation whose key a person makes and deletes', () => {
  beforeEach(() => fresh('datadog/agents', 'mint, revoke'));

  it('asks with exact instructions, takes only what holds, and goes on alone', async () => {
    const waiting = await rekey(['rotate', 'datadog/agents', '--wait', '--json']);
    expect(waiting.status).toBe(3);
    const mint = await asked('datadog/agents');
    expect((await rekey(['show', mint.id])).text).toContain(`rekey provide '${mint.id}' < the-new-key`);

    const wrong = await rekey(['provide', mint.id], randomBytes(16).toString('hex'));
    expect(wrong).toMatchObject({ status: 1, text: expect.stringContaining('does not accept this key') as string });
    expect(await rekey(['provide', mint.id], 'short')).toMatchObject({
      status: 1,
      text: expect.stringContaining('KR_WEAK_SECRET') as string,
    });
    const old = (await lane.keys('datadog')).find((k) => k.name === 'agents')!;
    expect((await rekey(['provide', mint.id], old.value)).text).toContain('this is the key of generation 1');
    expect((await rekey(['provide', mint.id, '--done'])).text).toContain('hand the new key in');

    const made = await makeKey(mint.instructions);
    const taken = await rekey(['provide', mint.id, '--id', made.id], `${made.key}\n`);
    expect(taken, taken.text).toMatchObject({ status: 0 });

    const revoke = await asked('datadog/agents');
    expect(revoke.text).toContain('revoke');
    expect(revoke.instructions.join()).toContain(old.id);
    expect((await rekey(['provide', revoke.id, '--done'])).text).toContain('still accepted');
    // The intent of a revoke is out: only the person can say that it was not done.
    expect(await rekey(['abort', revoke.id])).toMatchObject({
      status: 1,
      text: expect.stringContaining('KR_VERB_ILLEGAL') as string,
    });
    await api('DELETE', `/api/v2/api_keys/${old.id}`);
    expect((await rekey(['provide', revoke.id, '--done'])).status).toBe(0);
    await expectOverlapConverged(lane, await lane.settled('datadog/agents'), strangers);
    const { rows } = await lane.database.query('select count(*)::int as n from vault_secrets');
    expect(rows).toEqual([{ n: 2 }]);
  });

  it('goes on asking after its workflow was terminated, for the same key', async () => {
    await lane.rotate('datadog/agents');
    const before = await asked('datadog/agents');
    await lane.client.workflow.getHandle('rotation/datadog/agents').terminate('a test');
    await lane.client.schedule.getHandle('rekey-sweep').trigger();
    await lane.until('the new run', async () => {
      const { rows } = await lane.database.query(`select 1 from audit_events where kind = 'take-over'`);
      return rows.length > 0;
    });
    const made = await makeKey((await asked('datadog/agents')).instructions);
    expect(before.instructions.join()).toContain((await lane.keys('datadog')).find((k) => k.id === made.id)!.name);
    await lane.until('it to be taken', async () => (await rekey(['provide', before.id, '--id', made.id], made.key)).status === 0);
  });

  it('asks whether the key was made when it is aborted meanwhile, and has it removed', async () => {
    await lane.rotate('datadog/agents');
    const mint = await asked('datadog/agents');
    const made = await makeKey(mint.instructions);
    expect((await rekey(['abort', mint.id])).status).toBe(0);
    await lane.until('the way back to ask', async () => (await lane.rotation('datadog/agents'))?.direction === 'back');
    await lane.until('it to be taken', async () => (await rekey(['provide', mint.id, '--id', made.id], made.key)).status === 0);
    const revoke = await lane.until('the revoke', async () => {
      const now = await asked('datadog/agents');
      return now.text.includes('revoke') && now;
    });
    expect(revoke.instructions.join()).toContain(made.id);
    await api('DELETE', `/api/v2/api_keys/${made.id}`);
    expect((await rekey(['provide', mint.id, '--done'])).status).toBe(0);
    await expectOverlapConverged(lane, await lane.settled('datadog/agents'), strangers, 'compensated');
  });
});

describe('a secret that a person regenerates', () => {
  it('is handed in within the window, and the apps come back with it', async () => {
    await fresh('soar/enrichment', 'mint');
    await lane.rotate('soar/enrichment');
    const { id, text } = await asked('soar/enrichment');
    expect(text).toContain('regenerate');
    const key = await asOperator<object>(lane, 'GET', 'apikeys/17');
    const changed = { ...key, regenerate_secret: true };
    const { client_secret } = await asOperator<{ client_secret: string }>(lane, 'PUT', 'apikeys/17', changed);
    const taken = await rekey(['provide', id], client_secret);
    expect(taken, taken.text).toMatchObject({ status: 0 });
    await expectInPlaceConverged(lane, await lane.settled('soar/enrichment'));
  });
});
