import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { basic, type RunningSandbox, request, soarHeaders, startIdleSandbox, until, type Vendors } from './support.js';

let sandbox: RunningSandbox;
let vendors: Vendors;

beforeAll(async () => {
  sandbox = await startIdleSandbox('soar');
});
afterAll(() => sandbox.remove());
beforeEach(async () => {
  vendors = await sandbox.reset({ programs: ['enrichment', 'ticketing'] });
});

const org = (method: string, where: string, body?: unknown) =>
  request(method, `${vendors.soar.url}/rest/orgs/${vendors.soar.orgId}${where}`, soarHeaders(vendors), body);
const app = async (id: number) => (await org('GET', `/apps/${id}`)).body;
const part = async (id: number) => (await app(id)).current_installation.executables[0];
const reaches = (id: number, status: string) => until(`${id} is ${status}`, async () => (await app(id)).status === status);
const atWork = async (name: string) => {
  const before = (await sandbox.traffic(name)).accepted;
  await until('at work', async () => (await sandbox.traffic(name)).accepted > before + 3);
};
const redeploy = async (id: number) => {
  await org('POST', `/apps/${id}/undeploy`);
  await reaches(id, 'UNDEPLOYED');
  await org('POST', `/apps/${id}/deploy`);
};
/** A second account with the permissions of the first, and the ticketing app moved to it. */
async function move(): Promise<{ id: number; client_id: string }> {
  const { permissions } = (await org('GET', '/apikeys/23')).body;
  const made = (await org('POST', '/apikeys', { display_name: 'second', permissions })).body;
  expect((await org('POST', '/apps/103/secrets', { name: 'SECOND', value: made.client_secret })).status).toBe(200);
  const { id, apikey_handle, config_string } = await part(103);
  const text = config_string.replace(apikey_handle, made.client_id).replace('$API_KEY_SECRET', '$SECOND');
  const body = { apikey_handle: made.client_id, config_string: text };
  expect((await org('PUT', `/apps/103/executables/${id}`, body)).status).toBe(200);
  return made;
}
async function authorize(clientId: string): Promise<void> {
  const { entities } = (await org('GET', '/message_destinations')).body;
  const found = entities.find(({ name }: { name: string }) => name === 'ticketing');
  const body = { ...found, api_keys: [...found.api_keys, clientId] };
  expect((await org('PUT', `/message_destinations/${found.id}`, body)).status).toBe(200);
}

describe('a second key of a SOAR app', () => {
  it('is taken at the next start, with id and secret together', async () => {
    const made = await move();
    await authorize(made.client_id);
    await atWork('ticketing');
    const before = (await sandbox.traffic('ticketing')).fingerprint;
    await redeploy(103);
    await reaches(103, 'DEPLOYED');
    expect((await part(103)).apikey_handle).toBe(made.client_id);
    await atWork('ticketing');
    const after = await sandbox.traffic('ticketing');
    expect(after).toMatchObject({ refused: 0, failedLogins: 0, lost: 0 });
    expect(after.fingerprint).not.toBe(before);
    // The first key goes, and nobody notices.
    expect((await org('DELETE', '/apikeys/23')).status).toBe(200);
    await atWork('ticketing');
    expect(await sandbox.traffic('ticketing')).toMatchObject({ refused: 0, failedLogins: 0, lost: 0 });
  });

  it('that its queue does not know is refused there, and work that nobody takes is lost in the end', async () => {
    await move();
    await redeploy(103);
    await until('refused', async () => (await sandbox.traffic('ticketing')).refused > 0);
    await reaches(103, 'FAILED');
    expect(await app(103)).toMatchObject({ last_exit_code: 32 });
    expect(await sandbox.traffic('ticketing')).toMatchObject({ failedLogins: 0, lost: 0 });
    await sandbox.tell('POST', '/vendors/soar/queues', { mostWaiting: 5 });
    await until('lost', async () => (await sandbox.traffic('ticketing')).lost > 0);
    expect(await sandbox.traffic('enrichment')).toMatchObject({ lost: 0 });
  });

  it.each([
    ['an executable of another app', '/apps/103/executables/2101', 'PUT', { apikey_handle: 'x', config_string: 'x' }, 404],
    ['a key that does not exist', '/apps/103/executables/2103', 'PUT', { apikey_handle: 'x', config_string: 'x' }, 404],
    ['half of it', '/apps/103/executables/2103', 'PUT', { config_string: 'x' }, 400],
    ['a secret that there is', '/apps/103/secrets', 'POST', { name: 'API_KEY_SECRET', value: 'x' }, 400],
    ['a secret without a value', '/apps/103/secrets', 'POST', { name: 'NEW' }, 400],
  ])('is refused for %s (assumed)', async (_what, where, method, body, status) => {
    const before = await part(103);
    expect((await org(method, where, body)).status).toBe(status);
    expect(await part(103)).toEqual(before);
  });

  it('is not for one who may not manage apps', async () => {
    const { client_id } = (await org('GET', '/apikeys/23')).body;
    const rows = (await sandbox.tell('GET', '/keys?vendor=soar')) as { id: string; value: string }[];
    const headers = basic(client_id, rows.find(({ id }) => id === '23')!.value);
    const url = `${vendors.soar.url}/rest/orgs/${vendors.soar.orgId}/apps/103/secrets`;
    expect((await request('POST', url, headers, { name: 'NEW', value: 'x' })).status).toBe(403);
  });
});
