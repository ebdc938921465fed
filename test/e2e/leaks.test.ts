/**
 * Markers are planted as every secret; then everything that rekey writes, stores or says is
 * searched for them.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ChainReport } from '../../activities/postgres/audit.js';
import { dataConverter } from '../../client/codec.js';
import { rekey as run } from '../support/command-line.js';
import { pace } from '../support/lane.js';
import { Up } from '../support/up.js';

let up: Up;
beforeAll(async () => {
  up = await Up.start(['datadog', 'soar', 'algolia'], pace);
});
afterAll(() => up?.stop());

const post = async (route: string, body: object): Promise<void> => {
  const response = await fetch(`${up.ready.sandbox.control}${route}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  if (!response.ok) throw new Error(`${route}: ${response.status} ${await response.text()}`);
};

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile())
    .map((e) => path.join(e.parentPath, e.name));
}

/** What stands between the first and the last line of each. */
const auditKeys = (): string[] =>
  filesBelow(path.join(up.home, 'keys'))
    .filter((file) => /audit-.*\.key$/.test(file))
    .map((file) => readFileSync(file, 'utf8').split('\n')[1]!);

/** The secret itself, and the forms in which it could hide. */
function forms(secret: string): readonly Buffer[] {
  const bytes = Buffer.from(secret);
  return [bytes, Buffer.from(bytes.toString('base64').slice(0, -3)), Buffer.from(bytes.toString('hex'))];
}

it('shows no secret anywhere, on good ways and on bad ones', async () => {
  const hex = (bytes: number) => randomBytes(bytes).toString('hex');
  const next = { datadog: hex(16), soar: `Marker${hex(20)}`, algolia: hex(16) };
  await post('/keys/next', { vendor: 'datadog', value: next.datadog });
  await post('/keys/next', { vendor: 'soar', value: next.soar });
  await post('/keys/next', { vendor: 'algolia', value: next.algolia });
  // Bad ways: a body that repeats the secret, a refused call, a lost reply.
  await post('/faults', { vendor: 'datadog', method: 'POST', path: '^/api/v2/api_keys$', when: 'after', action: 'drop' });
  await post('/faults', {
    vendor: 'datadog',
    method: 'GET',
    path: '/validate',
    when: 'before',
    action: 'status',
    status: 500,
    bodyText: `echo ${next.datadog}`,
  });
  await post('/faults', {
    vendor: 'soar',
    method: 'PUT',
    path: '/secrets/',
    when: 'after',
    action: 'status',
    status: 502,
    bodyText: `<html>${next.soar}</html>`,
  });

  await post('/faults', { vendor: 'algolia', method: 'POST', path: '^/1/keys$', when: 'after', action: 'drop' });
  for (const method of ['GET', 'DELETE'])
    await post('/faults', {
      vendor: 'algolia',
      method,
      path: `^/1/keys/${next.algolia}`,
      when: 'before',
      action: 'status',
      status: 500,
      bodyText: JSON.stringify({ message: `echo ${next.algolia}`, status: 500 }),
    });

  const said: string[] = [];
  const rekey = async (...args: string[]) => {
    const { status, text } = await run(up, args);
    said.push(text);
    return { status, text };
  };
  let processes = '';
  const watching = setInterval(() => (processes += execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })), 300);
  const rotate = async (credential: string) => {
    const { status, text } = await rekey('rotate', credential, '--wait', '--json');
    expect(status, text).toBe(0);
  };
  await rotate('datadog/agents');
  await rotate('soar/enrichment');
  await rotate('algolia/search');
  clearInterval(watching);
  expect((await up.rotation('datadog/agents'))?.outcome).toBe('completed');
  expect((await up.rotation('soar/enrichment'))?.outcome).toBe('completed');
  expect((await up.rotation('algolia/search'))?.outcome).toBe('completed');
  for (const command of [
    ['status'],
    ['keys'],
    ['show', 'datadog/agents#2'],
    ['show', 'soar/enrichment#2', '--json'],
    ['show', 'algolia/search#2', '--json'],
    ['config', 'show'],
    ['doctor'],
  ])
    await rekey(...command);
  // The worker has signed the head at which each of them ended; `verify` has held it against that.
  const verified = JSON.parse((await rekey('audit', 'verify', '--json')).text) as { chains: ChainReport[]; heads: object };
  const rotated = verified.chains.filter(({ credential }) => /agents|enrichment|search/.test(credential));
  expect(rotated.map(({ events, signedTo }) => [events > 5, signedTo === events])).toEqual(rotated.map(() => [true, true]));
  expect([rotated.length, verified.heads]).toMatchObject([3, { others: 0 }]);

  const configured = filesBelow(path.join(up.home, 'sandbox', 'secrets')).map((file) => readFileSync(file, 'utf8').trim());
  const keys = (await Promise.all(['datadog', 'soar', 'algolia'].map((vendor) => up.keys(vendor)))).flat().map((k) => k.value);
  const secrets = [
    ...new Set([
      next.datadog,
      next.soar,
      next.algolia,
      ...configured,
      ...keys,
      readFileSync(path.join(up.home, 'keys', 'postgres-password'), 'utf8').trim(),
      ...auditKeys(),
    ]),
  ].filter((s) => s && s.length >= 20 && !/^[0-9a-f]{8}-[0-9a-f]{4}-/.test(s));
  expect(secrets).toEqual(expect.arrayContaining([next.datadog, next.soar, next.algolia]));

  const connection = await Connection.connect({ address: up.ready.temporal });
  const client = new Client({ connection, dataConverter: dataConverter(path.join(up.home, 'keys')) });
  const places: [string, Buffer][] = [
    ['what the command line said', Buffer.from(said.join('\n'))],
    ['arguments of processes', Buffer.from(processes)],
  ];
  for (const id of ['rotation/datadog/agents', 'rotation/soar/enrichment', 'rotation/algolia/search', 'apply']) {
    const history = await client.workflow.getHandle(id).fetchHistory();
    places.push([`history of ${id}`, Buffer.from(historyToJSON(history))]);
    // Decoded, too: a codec hides, it does not remove.
    const codec = dataConverter(path.join(up.home, 'keys')).payloadCodecs[0]!;
    const payloads = (history.events ?? []).flatMap((e) =>
      [
        e.activityTaskScheduledEventAttributes?.input?.payloads ?? [],
        e.activityTaskCompletedEventAttributes?.result?.payloads ?? [],
        e.workflowExecutionStartedEventAttributes?.input?.payloads ?? [],
      ].flat(),
    );
    places.push([
      `decoded history of ${id}`,
      Buffer.concat((await codec.decode(payloads as never)).map((p) => Buffer.from(p.data ?? []))),
    ]);
  }
  await connection.close();
  for (const file of [...filesBelow(path.join(up.home, 'logs')), ...filesBelow(path.join(up.home, 'temporal'))])
    places.push([path.basename(file), readFileSync(file)]);
  const tables = await up.query<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
  );
  for (const { name } of tables) {
    const rows = await up.query<{ text: string }>(`select t::text as text from ${name} t`);
    places.push([`table ${name}`, Buffer.from(rows.map((r) => r.text).join('\n'))]);
  }

  const search = (where: readonly [string, Buffer][]) =>
    where.flatMap(([place, bytes]) =>
      secrets.filter((secret) => forms(secret).some((form) => bytes.includes(form))).map(() => place),
    );
  expect(search(places)).toEqual([]);
  // The search must be able to find: the same secrets where they belong.
  const own = path.join(up.home, 'sandbox', 'planted');
  writeFileSync(own, next.datadog);
  expect(search([['planted', readFileSync(own)]])).toEqual(['planted']);
});
