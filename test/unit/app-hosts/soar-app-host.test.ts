import { describe, expect, it } from 'vitest';
import { connector as appHost } from '../../../activities/connectors/app-hosts/soar-app-host/app-host.js';
import { secretNames } from '../../../activities/connectors/app-hosts/soar-app-host/secrets.js';
import {
  app,
  asked,
  clientId,
  context,
  executable,
  host,
  key,
  never,
  secret,
  server,
  soar,
  useSoar,
} from '../key-stores/soar-server.js';

useSoar();

describe('an app', () => {
  const consumer = { name: 'enrichment', host: 'apps', settings: { app: 'enrichment' } };
  const known = [{ generation: 3, keyId: '17', secret: null }];
  const inspect = (fields: object) => {
    soar({ 'GET /rest/orgs/201/apps/101': { ...app, ...fields } });
    return host().inspect(consumer, known, never());
  };
  const instances = (state: string | null, started_time: number | null = 2000) => [{ pod: 'p-1', state, started_time }];

  it.each([
    [{}, 'running', true],
    [{ status: 'deployed' }, 'running', true],
    [{ instances: instances('starting') }, 'starting', false],
    [{ instances: [] }, 'starting', false],
    [{ status: 'DEPLOYING' }, 'starting', false],
    [{ status: 'UNDEPLOYING' }, 'stopping', false],
    [{ status: 'UNDEPLOYED', instances: [] }, 'stopped', true],
    [{ status: 'FAILED', instances: [] }, 'failing', false],
    [{ status: 'SOMETHING NEW' }, 'failing', false],
    [{ status: null }, 'failing', false],
  ])('%j is %s', async (fields, state, healthy) => {
    expect(await inspect(fields)).toMatchObject({ state, healthy, showsSource: false, source: null });
  });

  it.each([
    ['started after the last change of the secret', {}, 3],
    ['started before it', { instances: instances('running', 999) }, null],
    ['not yet up', { instances: instances('starting') }, null],
    ['of which no start is shown', { instances: instances('running', null) }, null],
    ['whose instances are not shown', { instances: null }, null],
    ['that uses another key', { current_installation: { executables: [{ ...executable, apikey_handle: 'other' }] } }, null],
  ])('%s: its instance is on generation %s', async (_, fields, generation) => {
    const seen = await inspect(fields);
    expect(seen.instances.map((i) => [i.generation, i.evidence])).toEqual([
      [generation, generation === null ? 'none' : 'rolled-out'],
    ]);
  });

  it.each([
    [{ status: 'FAILED', last_exit_code: 21, instances: [] }, true],
    [{ status: 'FAILED', last_exit_code: 20, instances: [] }, false],
    // The exit code of an earlier life says nothing about a start that is under way.
    [{ status: 'DEPLOYING', last_exit_code: 21 }, false],
    [{ status: 'DEPLOYED', last_exit_code: 21 }, false],
  ])('%j was refused its login: %s', async (fields, refused) => {
    expect((await inspect(fields)).authenticationFailed).toBe(refused);
  });

  it('is told apart from one of the same name that was installed later', async () => {
    soar();
    const apps = host();
    await apps.inspect(consumer, [], never());
    soar({
      'GET /rest/orgs/201/apps': [{ ...app, id: 202 }],
      'GET /rest/orgs/201/apps/101': undefined,
      'GET /rest/orgs/201/apps/202': { ...app, id: 202, status: 'UNDEPLOYED' },
    });
    expect(await apps.inspect(consumer, [], never())).toMatchObject({ state: 'stopped' });
  });

  it('gets its secret under the name that its configuration refers to', async () => {
    soar({ 'PUT /rest/orgs/201/apps/101/secrets/API_KEY_SECRET': {} });
    await host().deliver(
      { consumer, version: { generation: 4, keyId: '17', secret }, otherKeys: [], fence: { ledgerId: 'l', number: 1 } },
      never(),
    );
    expect(JSON.parse(server.seen.at(-1)!.body)).toEqual({ value: secret.reveal() });
  });

  it('gets it under the declared name', async () => {
    soar({ 'PUT /rest/orgs/201/apps/101/secrets/OTHER': {} });
    const spec = { ...consumer, settings: { app: 'enrichment', secret: 'OTHER' } };
    await host().deliver(
      { consumer: spec, version: { generation: 4, keyId: '17', secret }, otherKeys: [], fence: { ledgerId: 'l', number: 1 } },
      never(),
    );
    expect(asked().at(-1)).toBe('PUT /rest/orgs/201/apps/101/secrets/OTHER');
  });

  it.each([
    ['runs', ['DEPLOYED', 'UNDEPLOYING', 'UNDEPLOYED'], ['undeploy', 'deploy']],
    ['has failed', ['FAILED', 'UNDEPLOYED'], ['undeploy', 'deploy']],
    ['is being stopped', ['UNDEPLOYING', 'UNDEPLOYED'], ['deploy']],
    ['stands still', ['UNDEPLOYED'], ['deploy']],
  ])('that %s is stopped and started by a hand-out, and never started while it still stops', async (_, states, calls) => {
    const left = [...states];
    const done = { 'POST /rest/orgs/201/apps/101/undeploy': {}, 'POST /rest/orgs/201/apps/101/deploy': {} };
    soar({
      ...done,
      'GET /rest/orgs/201/apps/101': () => ({ ...app, status: left.length > 1 ? left.shift() : left[0] }),
    });
    await host().apply(consumer, never());
    expect(left).toHaveLength(1);
    const posts = asked().filter((call) => call.startsWith('POST'));
    expect(posts).toEqual(calls.map((call) => `POST /rest/orgs/201/apps/101/${call}`));
  });

  it('that does not stop in time may be stopping: that is unclear, not nothing', async () => {
    soar({ 'POST /rest/orgs/201/apps/101/undeploy': {} });
    await expect(host().apply(consumer, AbortSignal.timeout(700))).rejects.toMatchObject({
      code: 'KR_HOST_UNCLEAR',
      detail: expect.stringContaining('told to stop'),
    });
    expect(asked()).not.toContain('POST /rest/orgs/201/apps/101/deploy');
  });

  it.each([
    [{ locked: true }, 'locked after too many failed logins; regenerating'],
    [{ locked: true, secret_expiration_date: 1 }, 'has expired'],
    [{}, 'Blocked IPs'],
  ])('whose login was refused is told why, as far as SOAR shows it: %j', async (fields, why) => {
    soar({
      'GET /rest/orgs/201/apps/101': { ...app, status: 'FAILED', last_exit_code: 21, instances: [] },
      'GET /rest/orgs/201/apikeys': [
        { ...key, ...fields },
        { ...key, id: 18, client_id: 'other', locked: true },
      ],
    });
    expect((await host().inspect(consumer, [], never())).detail).toContain(why);
  });

  it('is on a host of a SOAR store only', () => {
    expect(() => appHost.open({ store: 'x' }, context('apps'), null)).toThrow(/KR_CONFIG_INVALID/);
    expect(() => appHost.open({ store: 'x' }, context('apps'), { settings: { url: 'x' }, context: context('x') })).toThrow(
      /KR_CONFIG_INVALID/,
    );
  });
});

describe('the name of an app secret', () => {
  const of = (...configs: (string | null)[]) =>
    secretNames(
      {
        ...app,
        id: '101',
        current_installation: { executables: configs.map((config_string) => ({ apikey_handle: clientId, config_string })) },
      },
      clientId,
    );

  it.each([
    ['api_key_secret=$A', ['A']],
    ['x=1\r\napi_key_secret = ${' + 'B_2}\r\n', ['B_2']],
  ])('%j', (text, names) => {
    expect(of(text)).toEqual({ ok: true, names });
  });

  it('of several parts is told once each', () => {
    expect(of('api_key_secret=$A', 'api_key_secret=$B', 'api_key_secret=$A')).toEqual({ ok: true, names: ['A', 'B'] });
  });

  it.each([
    ['api_key_secret=plain'],
    ['api_key_secret=^VAULT'],
    ['#api_key_secret=$A'],
    [''],
    [null],
  ])('is not guessed from %j, nor is it shown', (text) => {
    const names = of(text);
    expect(names.ok).toBe(false);
    expect(JSON.stringify(names)).not.toContain('plain');
  });
});
