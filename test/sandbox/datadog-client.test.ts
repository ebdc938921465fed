import { client, v1, v2 } from '@datadog/datadog-api-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningSandbox, startIdleSandbox, until } from './support.js';

let sandbox: RunningSandbox;
let configuration: client.Configuration;

beforeAll(async () => {
  sandbox = await startIdleSandbox('datadog');
  const { url, management } = sandbox.vendors.datadog;
  configuration = client.createConfiguration({
    authMethods: { apiKeyAuth: management.apiKey, appKeyAuth: management.applicationKey },
    baseServer: new client.BaseServerConfiguration(url, {}),
  });
  configuration.unstableOperations['v2.validate'] = true;
});
afterAll(() => sandbox.remove());

it("satisfies Datadog's own client in every call on keys", async () => {
  const keys = new v2.KeyManagementApi(configuration);

  const made = await keys.createAPIKey({ body: { data: { type: 'api_keys', attributes: { name: 'by the client' } } } });
  expect(made.data?.attributes?.key).toMatch(/^[0-9a-f]{32}$/);
  expect(made.data?.attributes?.createdAt).toBeInstanceOf(Date);
  const id = made.data!.id!;

  const list = await keys.listAPIKeys({ filter: 'by the client', pageSize: 100, sort: '-created_at', include: 'created_by' });
  expect(list.data?.map((key) => key.id)).toEqual([id]);
  expect(list.meta).toMatchObject({ maxAllowed: 50, page: { totalFilteredCount: 1 } });
  expect(list.included).toHaveLength(1);

  expect((await keys.getAPIKey({ apiKeyId: id })).data?.attributes?.key).toBe(made.data!.attributes!.key);
  const renamed = await keys.updateAPIKey({
    apiKeyId: id,
    body: { data: { type: 'api_keys', id, attributes: { name: 'renamed' } } },
  });
  expect(renamed.data?.attributes?.name).toBe('renamed');

  await keys.deleteAPIKey({ apiKeyId: id });
  await expect(keys.deleteAPIKey({ apiKeyId: id })).rejects.toMatchObject({ code: 404, body: { errors: ['API key not found'] } });
  // A status that the client does not know surfaces as "Unknown API Status Code!": none of ours
  // may.
  await expect(keys.createAPIKey({ body: { data: { type: 'api_keys', attributes: { name: 'agents' } } } })).rejects.toMatchObject(
    { code: 400, body: { errors: [expect.any(String)] } },
  );
});

it("satisfies Datadog's own client in validation and metrics", async () => {
  expect(await new v1.AuthenticationApi(configuration).validate()).toMatchObject({ valid: true });
  const own = await new v2.KeyManagementApi(configuration).validate();
  expect(own.data).toMatchObject({ type: 'validate_v2', attributes: { valid: true } });

  const now = Math.floor(Date.now() / 1000);
  const intake = client.createConfiguration({
    authMethods: { apiKeyAuth: sandbox.vendors.datadog.management.apiKey },
    baseServer: new client.BaseServerConfiguration(sandbox.vendors.datadog.intakeUrl, {}),
  });
  const series = [{ metric: 'm', points: [{ timestamp: now, value: 1 }], resources: [{ name: 'nobody', type: 'host' }] }];
  expect(await new v2.MetricsApi(intake).submitMetrics({ body: { series } })).toMatchObject({ errors: [] });
  const old = [{ metric: 'm', points: [[now, 1]] as [number, number][], host: 'nobody' }];
  expect(await new v1.MetricsApi(intake).submitMetrics({ body: { series: old } })).toMatchObject({ status: 'ok' });
});

it("makes Datadog's own client wait out the rate limit", async () => {
  await sandbox.tell('POST', '/vendors/datadog/limits', { ratePerPeriod: 1, periodMs: 1000 });
  const patient = client.createConfiguration({
    authMethods: {
      apiKeyAuth: sandbox.vendors.datadog.management.apiKey,
      appKeyAuth: sandbox.vendors.datadog.management.applicationKey,
    },
    baseServer: new client.BaseServerConfiguration(sandbox.vendors.datadog.url, {}),
    enableRetry: true,
  });
  const keys = new v2.KeyManagementApi(patient);
  for (let i = 0; i < 3; i++) expect((await keys.listAPIKeys({})).data).toBeDefined();
  await until('every refused request is on record', async () => {
    const requests: Array<{ status: number }> = await sandbox.tell('GET', '/requests?vendor=datadog');
    return requests.some(({ status }) => status === 429);
  });
});
