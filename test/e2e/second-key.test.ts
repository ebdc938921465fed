/**
 * Overlap where it is not the vendor's own way: a second SOAR account with a place in every queue,
 * a second DNN key on the same site.
 */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../../workflows/contract.js';
import { Lane } from '../support/lane.js';
import { say } from '../support/moments.js';
import { programsOf } from '../support/programs.js';
import { asOperator } from '../support/soar-credentials.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(['soar', 'dnn']);
});
afterAll(() => lane?.stop());

const live = async (vendor: string) => (await lane.keys(vendor)).filter((k) => k.state === 'live');
const trafficOf = async (...apps: string[]) => (await lane.traffic()).filter((t) => apps.includes(t.app));
const rotated = async (credential: string) => (await (await lane.rotate(credential)).result()) as RunReport;
/** Everybody goes on working on the new key: what would be refused or lost shows only then. */
async function goOn(...apps: string[]): Promise<void> {
  const before = new Map((await trafficOf(...apps)).map((t) => [t.app, t.accepted]));
  await lane.until('everybody to go on', async () => {
    const now = await trafficOf(...apps);
    return now.length === apps.length && now.every((t) => t.accepted > before.get(t.app)! + 5);
  });
}

describe('a SOAR key that is rotated by overlap', () => {
  /**
   * The sandbox declares it in place; its old secret is known here, so that there is a way back.
   */
  async function overlap(policy = 'evidence: rolled-out'): Promise<void> {
    const file = path.join(lane.folder, 'soar-enrichment');
    const declared = async (text: string) => {
      writeFileSync(file, (await live('soar')).find(({ id }) => id === '17')!.value, { mode: 0o600 });
      return text
        .replace('store: soar\n    strategy: in-place', 'store: soar\n    strategy: overlap')
        .replace(/current: \{ id: "17" \}.*\n/, `current: { id: "17", secret: ${JSON.stringify(`file:${file}`)} }\n`)
        .replace('policy: { downtime: 10s }', `accept: [no-last-used, source-not-shown]\n    policy: { ${policy} }`);
    };
    // A part of an app that runs on another key goes on beside them.
    await lane.fresh(['soar/enrichment'], declared, programsOf('soar/enrichment', 'soar/ticketing'));
  }

  it('moves both apps, one after the other: no login fails and no work is lost', async () => {
    await overlap();
    const strangers = (await live('soar')).filter(({ id }) => id !== '17').map(({ id }) => id);
    expect(await rotated('soar/enrichment')).toMatchObject({ outcome: 'completed', sequence: 'overlap', generation: 2 });
    await goOn('enrichment', 'phishing', 'ticketing');

    const traffic = await trafficOf('enrichment', 'phishing', 'ticketing');
    expect(traffic.map((t) => [t.app, t.refused, t.failedLogins, t.lost])).toEqual(traffic.map((t) => [t.app, 0, 0, 0]));
    const left = (await live('soar')).filter(({ id }) => !strangers.includes(id));
    expect(left).toHaveLength(1);
    expect(left[0]!.id).not.toBe('17');
    const { rows } = await lane.database.query(
      `select key_id, fingerprint from versions where credential = 'soar/enrichment' and state = 'active'`,
    );
    const [enrichment, phishing, ticketing] = traffic.map((t) => t.fingerprint);
    expect(rows).toEqual([{ key_id: left[0]!.id, fingerprint: enrichment }]);
    expect(phishing).toBe(enrichment);
    expect(ticketing).not.toBe(enrichment);
  });

  /** A list that is written back whole loses what was added to it a moment ago. */
  const queueForgets = (times: number) =>
    lane.ask('POST', '/faults', {
      vendor: 'soar',
      method: 'PUT',
      path: '/message_destinations/12$',
      when: 'before',
      action: 'status',
      status: 200,
      headers: { 'content-type': 'application/json' },
      bodyText: '{}',
      times,
    });
  const unharmed = async (...apps: string[]) => {
    await goOn(...apps);
    const traffic = await trafficOf(...apps);
    expect(traffic.map((t) => [t.app, t.refused, t.failedLogins, t.lost])).toEqual(traffic.map((t) => [t.app, 0, 0, 0]));
    expect(new Set(traffic.map((t) => t.fingerprint)).size).toBe(1);
  };

  it('has its place in every queue before an app is handed it, although one was lost', async () => {
    await overlap();
    await queueForgets(1);
    expect(await rotated('soar/enrichment')).toMatchObject({ outcome: 'completed' });
    await unharmed('enrichment', 'phishing');
  });

  it('whose place in a queue does not last is handed to no app', async () => {
    await overlap();
    await queueForgets(1_000);
    const reason = expect.stringContaining('taken out of a list');
    expect(await rotated('soar/enrichment')).toMatchObject({ outcome: 'compensated', reason });
    await unharmed('enrichment', 'phishing');
    expect((await live('soar')).filter(({ name }) => name.includes('rekey-'))).toEqual([]);
    const changes = await lane.ask<{ method: string; path: string }[]>('GET', '/requests?vendor=soar');
    expect(changes.filter(({ method, path: at }) => method === 'PUT' && at.includes('/executables/'))).toEqual([]);
  });

  it('that somebody took out of a queue since has its place again before the first one goes', async () => {
    await overlap('evidence: rolled-out, approve: [take-away]');
    const handle = await lane.rotate('soar/enrichment');
    await lane.until('the gate', async () => (await lane.rotation('soar/enrichment'))?.waits_for?.person);
    const queue = () => asOperator<{ api_keys: string[] }>(lane, 'GET', 'message_destinations/12');
    const both = await queue();
    expect(both.api_keys).toHaveLength(2);
    await asOperator(lane, 'PUT', 'message_destinations/12', { ...both, api_keys: both.api_keys.slice(0, 1) });
    await say(lane, 'soar/enrichment', 'approve');
    expect(await handle.result()).toMatchObject({ outcome: 'completed' });
    expect((await queue()).api_keys).toEqual(both.api_keys.slice(1));
    await lane.ask('POST', '/apps/phishing/crash');
    await unharmed('enrichment', 'phishing');
  });
});

describe('a DNN key', () => {
  it('is rotated under live traffic, although the reply to its making was lost, and keys of others and of another site stay', async () => {
    await lane.fresh(['dnn/site-apps']);
    await lane.ask('POST', '/faults', { vendor: 'dnn', method: 'POST', path: '/api/ApiKeys$', when: 'after', action: 'drop' });
    const before = await live('dnn');
    const first = before.find(({ name }) => name === 'site apps')!;
    expect(await rotated('dnn/site-apps')).toMatchObject({ outcome: 'completed', sequence: 'overlap', generation: 2 });
    expect(await lane.ask('GET', '/faults')).toMatchObject([{ hits: 1 }]);
    await goOn('catalogue', 'kiosk', 'stock-sync');

    const traffic = await trafficOf('catalogue', 'kiosk', 'stock-sync');
    expect(traffic.map((t) => [t.app, t.refused, t.lost])).toEqual(traffic.map((t) => [t.app, 0, 0]));
    expect(new Set(traffic.map((t) => t.fingerprint)).size).toBe(1);
    const after = await live('dnn');
    const strangers = before.filter(({ id }) => id !== first.id).map(({ id }) => id);
    expect(after.map(({ id }) => id)).toEqual(expect.arrayContaining(strangers));
    expect(after.filter(({ id }) => !strangers.includes(id))).toMatchObject([
      { name: expect.stringMatching(/^site apps rekey-/) },
    ]);
  });
});
