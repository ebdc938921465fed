/** The commands of the page for a leak without rekey, as they stand there. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningSandbox, startIdleSandbox, until } from './support.js';

const page = readFileSync('docs/runbooks/leak-without-rekey.md', 'utf8');
const folder = mkdtempSync(path.join(os.tmpdir(), 'rekey-runbook-'));
let sandbox: RunningSandbox;
beforeAll(async () => {
  sandbox = await startIdleSandbox('datadog,docspace,algolia');
});
afterAll(async () => {
  await sandbox.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** The commands below a heading, one by one. */
const commandsOf = (vendor: string): readonly string[] => {
  const [, block] = new RegExp(`### ${vendor}\\n[\\s\\S]*?\`\`\`sh\\n([\\s\\S]*?)\`\`\``).exec(page)!;
  return block!.trim().split('\n');
};
const file = (name: string, ...lines: readonly string[]) => writeFileSync(path.join(folder, name), `${lines.join('\n')}\n`);
const run = (command: string, env: Readonly<Record<string, string>> = {}): string =>
  execFileSync('bash', ['-euc', command], { cwd: folder, env: { ...process.env, ...env }, encoding: 'utf8' });

interface Key {
  readonly id: string;
  readonly name: string;
  readonly value: string;
  readonly state: string;
}
const keys = async (vendor: string): Promise<readonly Key[]> => (await sandbox.ask('GET', `/keys?vendor=${vendor}`)).body;
const keyNamed = async (vendor: string, name: string) => (await keys(vendor)).find((key) => key.name === name)!;

it('revoke a key of Datadog, and make another', async () => {
  const { url, management } = sandbox.vendors.datadog;
  const { id, value } = await keyNamed('datadog', 'agents');
  file('management', `dd-api-key: ${management.apiKey}`, `dd-application-key: ${management.applicationKey}`);
  file('leaked', `dd-api-key: ${value}`);
  const env = { DATADOG: url, ID: id };
  const [list, make, revoke, look] = commandsOf('Datadog') as [string, string, string, string];
  expect(run(list, env)).toContain(id);
  run(make, env);
  expect(readFileSync(path.join(folder, 'new.json'), 'utf8')).toContain((await keyNamed('datadog', 'by hand')).value);
  run(revoke, env);
  await until('it is dead', async () => run(look, env).includes('Forbidden'));
  expect(await keyNamed('datadog', 'agents')).toMatchObject({ state: 'deleted' });
});

it('switch a key of DocSpace off', async () => {
  const { url, management } = sandbox.vendors.docspace;
  const { id, value } = await keyNamed('docspace', 'exports');
  file('management', `authorization: Bearer ${management.token}`);
  file('leaked', `authorization: Bearer ${value}`);
  const env = { DOCSPACE: url, ID: id };
  const [list, off, look, again] = commandsOf('ONLYOFFICE DocSpace') as [string, string, string, string];
  expect(run(list, env)).toContain(id);
  run(off, env);
  await until('it is dead', async () => run(look, env) === '401\n');
  expect(JSON.parse(run(again, env)).response).toContainEqual(expect.objectContaining({ id, isActive: false }));
});

it('delete a key of Algolia', async () => {
  const { url, appId, management } = sandbox.vendors.algolia;
  const { value } = await keyNamed('algolia', 'indexer');
  file('management', `x-algolia-application-id: ${appId}`, `x-algolia-api-key: ${management.adminKey}`);
  file('delete', `url = "${url}/1/keys/${value}"`);
  const [remove, look] = commandsOf('Algolia') as [string, string];
  run(remove);
  await until('it is gone', async () => run(look) === '404\n');
  expect(await keyNamed('algolia', 'indexer')).toMatchObject({ state: 'deleted' });
});
