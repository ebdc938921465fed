import { algoliasearch, type SearchClient } from 'algoliasearch';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningSandbox, startIdleSandbox, until } from './support.js';

let sandbox: RunningSandbox;
let client: SearchClient;

/** The client as customers use it, with the simulator's hosts in place of Algolia's. */
function clientWith(
  key: string,
  names: readonly ('write' | 'dsn' | '1' | '2' | '3')[] = ['write', 'dsn', '1', '2', '3'],
): SearchClient {
  const { appId, hosts } = sandbox.vendors.algolia;
  const accept = (name: string) => (name === 'write' ? 'write' : name === 'dsn' ? 'read' : 'readWrite');
  return algoliasearch(appId, key, {
    hosts: names.map((name) => ({ url: new URL(hosts[name]).host, accept: accept(name), protocol: 'http' as const })),
    compression: 'gzip',
  });
}

/**
 * Asked with the admin key: to a key of its own restrictions a host may refuse the look while it
 * still knows it.
 */
const everywhere = (key: string, there: boolean) =>
  until(`${key} is ${there ? 'known' : 'forgotten'} everywhere`, async () => {
    const names = ['dsn', '1', '2', '3'] as const;
    const { adminKey } = sandbox.vendors.algolia.management;
    const asked = await Promise.allSettled(names.map((name) => clientWith(adminKey, [name]).getApiKey({ key })));
    return asked.every((look) =>
      there ? look.status === 'fulfilled' : look.status === 'rejected' && look.reason.status === 404,
    );
  });

beforeAll(async () => {
  sandbox = await startIdleSandbox('algolia');
  client = clientWith(sandbox.vendors.algolia.management.adminKey);
});
afterAll(() => sandbox.remove());

it("satisfies Algolia's own client in every call on keys, and in its waiting for them", async () => {
  // Long enough to be sent compressed.
  const apiKey = {
    acl: ['search' as const],
    description: 'by the client '.repeat(80),
    indexes: ['products'],
    maxHitsPerQuery: 20,
  };
  const { key, createdAt } = await client.addApiKey(apiKey);
  expect(Date.parse(createdAt)).toBeGreaterThan(0);
  await client.waitForApiKey({ operation: 'add', key });
  // A host that has not heard of it yet would look as if it had heard of its deletion.
  await everywhere(key, true);
  expect(await client.getApiKey({ key })).toMatchObject({ value: key, ...apiKey, validity: 0 });
  expect((await client.listApiKeys()).keys.map(({ value }) => value)).toContain(key);

  // Compared field by field, so it ends only if the server shows every one of them.
  const changed = {
    acl: ['search' as const, 'browse' as const],
    description: '',
    indexes: [],
    maxHitsPerQuery: 0,
    maxQueriesPerIPPerHour: 100,
    queryParameters: '',
    referers: ['*shop*'],
    validity: 0,
  };
  await client.updateApiKey({ key, apiKey: changed });
  await client.waitForApiKey({ operation: 'update', key, apiKey: changed });

  await everywhereDeleted(key);
  await client.restoreApiKey({ key });
  await client.waitForApiKey({ operation: 'add', key });
  expect(await client.getApiKey({ key })).toMatchObject({ acl: ['search', 'browse'], referers: ['*shop*'] });
});

async function everywhereDeleted(key: string): Promise<void> {
  await client.updateApiKey({ key, apiKey: { acl: ['search', 'browse'], referers: ['*shop*'] } });
  await client.deleteApiKey({ key });
  await expect(client.restoreApiKey({ key })).rejects.toMatchObject({
    status: 404,
    message: expect.stringMatching(/^Key already exists/),
  });
  await client.waitForApiKey({ operation: 'delete', key });
  await everywhere(key, false);
}

it("makes Algolia's own client say what is wrong with a key", async () => {
  const invalid = { status: 403, message: expect.stringMatching(/^Invalid Application-ID or API key/) };
  await expect(clientWith('0'.repeat(32)).getApiKey({ key: '0'.repeat(32) })).rejects.toMatchObject(invalid);
  const { key } = await client.addApiKey({ acl: ['search'] });
  await everywhere(key, true);
  await expect(clientWith(key).listApiKeys()).rejects.toMatchObject({
    status: 403,
    message: expect.stringMatching(/^Method not allowed/),
  });
  expect(await clientWith(key).getApiKey({ key })).toMatchObject({ description: '<redacted>' });
});

it("satisfies Algolia's own client in searching, with a key and with one that is made from it", async () => {
  const { key } = await client.addApiKey({ acl: ['search', 'addObject'], indexes: ['products'] });
  await everywhere(key, true);
  expect((await clientWith(key).searchSingleIndex({ indexName: 'products', searchParams: { query: 'lamp' } })).hits).toEqual([]);
  const found = await clientWith(key).search({ requests: [{ indexName: 'products', query: 'lamp' }] });
  expect(found.results).toHaveLength(1);
  const written = await clientWith(key).batch({
    indexName: 'products',
    batchWriteParams: { requests: [{ action: 'addObject', body: { objectID: '1' } }] },
  });
  expect(written.objectIDs).toEqual(['1']);

  const validUntil = Math.floor(Date.now() / 1000) + 60;
  const secured = client.generateSecuredApiKey({
    parentApiKey: key,
    restrictions: { validUntil, filters: 'a:b', restrictIndices: ['products'] },
  });
  expect(client.getSecuredApiKeyRemainingValidity({ securedApiKey: secured })).toBeGreaterThan(50);
  expect((await clientWith(secured).searchSingleIndex({ indexName: 'products' })).hits).toEqual([]);
  await client.deleteApiKey({ key });
  await everywhere(key, false);
  await expect(clientWith(secured).searchSingleIndex({ indexName: 'products' })).rejects.toMatchObject({ status: 403 });
});

it("lets Algolia's own client pass over a host that does not answer", async () => {
  await sandbox.tell('POST', '/vendors/algolia/hosts', { host: 'dsn', away: true });
  const patient = clientWith(sandbox.vendors.algolia.management.adminKey, ['dsn', '1']);
  expect((await patient.listApiKeys()).keys.length).toBeGreaterThan(3);
  expect((await client.getLogs({ length: 3 })).logs).toHaveLength(3);
});
