import { describe, expect, it } from 'vitest';
import { moved } from '../../../activities/connectors/app-hosts/soar-app-host/app-config.js';
import { config } from '../../../activities/connectors/key-stores/soar/config.js';
import { all, app, asked, clientId, host, key, never, open, secret, server, soar, useSoar } from './soar-server.js';

useSoar();

const org = '/rest/orgs/201';
const tag = 'rekey-abcdefgh-0123456789abc';
const nextId = '1e0d9c8b-7a6f-4e5d-8c3b-998877665544';
const next = { ...key, id: 18, client_id: nextId, display_name: `enrichment ${tag}`, client_secret: secret.reveal() };
const destination = { id: 11, programmatic_name: 'enrichment', users: [5], api_keys: [clientId, 'another'] };
const { client_secret: _, ...shown } = next;
const create = (more: object = {}) => open(more).create({ tag, attributes: { name: 'enrichment' }, likeKeyId: '17' }, never());
const copyMemberships = () => open().copyMemberships!('18', '17', never());
const bodies = (call: string) =>
  server.seen.filter(({ method, url }) => `${method} ${url}` === call).map(({ body }) => JSON.parse(body));
const changes = () => asked().filter((call) => !call.startsWith('GET'));
/** A SOAR with destinations, of which each is read again before it is changed. */
const withDestinations = (list: readonly (typeof destination)[] | readonly object[], more: object = {}) =>
  soar({
    [`GET ${org}/message_destinations`]: { entities: list },
    ...Object.fromEntries(
      list.flatMap((one) => {
        const at = `${org}/message_destinations/${(one as { id: number }).id}`;
        return [
          [`GET ${at}`, one],
          [`PUT ${at}`, {}],
        ];
      }),
    ),
    [`POST ${org}/apikeys`]: next,
    [`GET ${org}/apikeys/18`]: shown,
    ...more,
  });

describe('a second key', () => {
  it('gets the permissions of the first', async () => {
    withDestinations([destination]);
    expect(await create()).toMatchObject({ id: '18', name: `enrichment ${tag}` });
    expect(bodies(`POST ${org}/apikeys`)).toMatchObject([{ permissions: key.permissions }]);
    expect(changes()).toEqual([`POST ${org}/apikeys`]);
  });

  it('gets its place in every destination that lists the first', async () => {
    withDestinations([destination, { ...destination, id: 12, api_keys: ['another'] }, { id: 13, api_keys: null }]);
    expect(await copyMemberships()).toBe(true);
    expect(changes()).toEqual([`PUT ${org}/message_destinations/11`]);
    // The whole object goes back, as IBM's own client does it.
    expect(bodies(`PUT ${org}/message_destinations/11`)).toEqual([{ ...destination, api_keys: [clientId, 'another', nextId] }]);
  });

  it('that has its places already is left there', async () => {
    withDestinations([{ ...destination, api_keys: [clientId, nextId] }]);
    expect(await copyMemberships()).toBe(false);
    expect(changes()).toEqual([]);
  });

  it('stands there in the form in which the first one does', async () => {
    withDestinations([{ ...destination, api_keys: [17, 4] }]);
    await copyMemberships();
    expect(bodies(`PUT ${org}/message_destinations/11`)).toMatchObject([{ api_keys: [17, 4, 18] }]);
  });

  it('is not made where destinations cannot be read, or nobody accepted how they are changed', async () => {
    withDestinations([], { [`GET ${org}/message_destinations`]: 403 });
    await expect(create()).rejects.toMatchObject({ code: 'KR_STORE_REFUSED' });
    const accept = all.filter((name) => name !== 'soar-destinations-call');
    await expect(create({ accept })).rejects.toMatchObject({
      code: 'KR_ASSUMPTION_NOT_ACCEPTED',
      detail: expect.stringContaining('soar-destinations-call'),
    });
    expect(changes()).toEqual([]);
    expect(open({ accept }).copyMemberships).toBeUndefined();
  });

  it('meets another change of the same destination: it is read again, and nothing of it is lost', async () => {
    const reads = [destination, { ...destination, api_keys: [clientId, 'another', 'third'] }];
    const answers = [409, {}];
    withDestinations([destination], {
      [`GET ${org}/message_destinations/11`]: () => reads.shift(),
      [`PUT ${org}/message_destinations/11`]: () => answers.shift(),
    });
    await copyMemberships();
    expect(bodies(`PUT ${org}/message_destinations/11`).at(-1)).toMatchObject({
      api_keys: [clientId, 'another', 'third', nextId],
    });
  });

  it('is taken off its destinations before it is deleted', async () => {
    withDestinations([destination], { [`DELETE ${org}/apikeys/17`]: { success: true } });
    await open().revoke('17', never());
    expect(changes()).toEqual([`PUT ${org}/message_destinations/11`, `DELETE ${org}/apikeys/17`]);
    expect(bodies(`PUT ${org}/message_destinations/11`)).toMatchObject([{ api_keys: ['another'] }]);
  });

  it('that is gone already is success, and stands nowhere any more', async () => {
    withDestinations([], { [`GET ${org}/apikeys/17`]: 404 });
    await open().revoke('17', never());
    expect(changes()).toEqual([`DELETE ${org}/apikeys/17`]);
  });

  it('can be ended where nobody accepted how destinations are changed', async () => {
    soar({ [`DELETE ${org}/apikeys/17`]: { success: true } });
    await open({ accept: ['soar-create-call'] }).revoke('17', never());
    expect(asked().at(-1)).toBe(`DELETE ${org}/apikeys/17`);
  });
});

describe('an app that is handed another key', () => {
  const text = `[resilient]\nhost=soar\napi_key_id=${clientId}\napi_key_secret=$API_KEY_SECRET\n\n[enrichment]\ntimeout=30\n`;
  const part = { id: 2101, apikey_handle: clientId, config_string: text };
  const consumer = { name: 'enrichment', host: 'apps', settings: { app: 'enrichment' } };
  const fence = { ledgerId: 'l', number: 1 };
  const deliver = (keyId: string, more: object = {}) => {
    const otherKeys = ['17', '18'].filter((other) => other !== keyId);
    return host(more).deliver({ consumer, version: { generation: 2, keyId, secret }, otherKeys, fence }, never());
  };
  const on = (executables: object[], more: object = {}) =>
    soar({
      [`GET ${org}/apps/101`]: { ...app, current_installation: { executables } },
      [`GET ${org}/apikeys`]: [key, shown],
      [`GET ${org}/apikeys/18`]: shown,
      [`POST ${org}/apps/101/secrets`]: {},
      [`PUT ${org}/apps/101/secrets/API_KEY_SECRET`]: {},
      [`PUT ${org}/apps/101/executables/2101`]: {},
      [`PUT ${org}/apps/101/executables/2102`]: {},
      ...more,
    });

  it('gets its secret under a name that nothing refers to yet, and then id and name in one write', async () => {
    on([part]);
    await deliver('18');
    expect(changes()).toEqual([
      `PUT ${org}/apps/101/secrets/API_KEY_SECRET_NEXT`,
      `POST ${org}/apps/101/secrets`,
      `PUT ${org}/apps/101/executables/2101`,
    ]);
    expect(bodies(`POST ${org}/apps/101/secrets`)).toEqual([{ name: 'API_KEY_SECRET_NEXT', value: secret.reveal() }]);
    expect(bodies(`PUT ${org}/apps/101/executables/2101`)).toEqual([
      { apikey_handle: nextId, config_string: text.replace(clientId, nextId).replace('SECRET\n', 'SECRET_NEXT\n') },
    ]);
  });

  it('gets the secret alone once it is on the key: repeating is harmless', async () => {
    const there = { ...part, apikey_handle: nextId, config_string: text.replace(clientId, nextId) };
    on([there]);
    await deliver('18');
    expect(changes()).toEqual([`PUT ${org}/apps/101/secrets/API_KEY_SECRET`]);
  });

  it('is brought back to the key that it had, under the name that it had', async () => {
    const there = moved(text, clientId, nextId);
    on([{ ...part, apikey_handle: nextId, config_string: there.ok ? there.text : '' }]);
    await deliver('17');
    expect(changes()).toEqual([`PUT ${org}/apps/101/secrets/API_KEY_SECRET`, `PUT ${org}/apps/101/executables/2101`]);
    expect(bodies(`PUT ${org}/apps/101/executables/2101`)).toEqual([{ apikey_handle: clientId, config_string: text }]);
  });

  it('is moved with all of its parts that use the key', async () => {
    on([part, { ...part, id: 2102 }, { id: 2103, apikey_handle: null, config_string: null }]);
    await deliver('18');
    expect(changes().slice(2)).toEqual([`PUT ${org}/apps/101/executables/2101`, `PUT ${org}/apps/101/executables/2102`]);
  });

  it('is moved to the end where it was left half way', async () => {
    const there = { ...part, apikey_handle: nextId, config_string: text.replace(clientId, nextId) };
    on([there, { ...part, id: 2102 }]);
    await deliver('18');
    expect(changes()).toContain(`PUT ${org}/apps/101/executables/2102`);
    expect(changes()).not.toContain(`PUT ${org}/apps/101/executables/2101`);
  });

  it('keeps the part that is on a key of another credential', async () => {
    const ours = { ...key, id: 30, client_id: 'another', display_name: 'assets' };
    const beside = {
      id: 2102,
      apikey_handle: 'another',
      config_string: text.replace(clientId, 'another').replace('API_', 'ASSETS_'),
    };
    on([part, beside], { [`GET ${org}/apikeys`]: [key, shown, ours] });
    await deliver('18');
    expect(changes().slice(2)).toEqual([`PUT ${org}/apps/101/executables/2101`]);
    server.seen.length = 0;
    await deliver('17');
    expect(changes()).toEqual([`PUT ${org}/apps/101/secrets/API_KEY_SECRET`]);
  });

  it.each([
    ['a key of somebody else', [{ ...part, apikey_handle: 'other' }], 'does not use this key'],
    ['a key that its text does not name', [{ ...part, config_string: text.replace(clientId, 'other') }], 'api_key_id'],
    ['a secret in clear text', [{ ...part, config_string: text.replace('$API_KEY_SECRET', 'plain') }], 'app secret'],
    ['a text that names two', [{ ...part, config_string: `${text}api_key_id=${clientId}\n` }], 'api_key_id'],
    ['a part without an id', [{ ...part, id: null }], 'no id of the part'],
  ])('is left alone where it uses %s', async (_what, parts, reason) => {
    on(parts);
    await expect(deliver('18')).rejects.toMatchObject({ code: 'KR_HOST_REFUSED', detail: expect.stringContaining(reason) });
    expect(changes()).toEqual([]);
  });

  it('is changed by calls that must be accepted by name', async () => {
    on([part]);
    await expect(deliver('18', { accept: all.filter((name) => name !== 'soar-config-call') })).rejects.toMatchObject({
      code: 'KR_ASSUMPTION_NOT_ACCEPTED',
      detail: expect.stringContaining('soar-config-call'),
    });
    expect(changes()).toEqual([]);
  });

  it('in place has no secret of another name added, whatever is declared', async () => {
    on([part]);
    const named = { ...consumer, settings: { app: 'enrichment', secret: 'MISSPELT' } };
    const delivery = { consumer: named, version: { generation: 2, keyId: '17', secret }, otherKeys: ['18'], fence };
    await expect(host().deliver(delivery, never())).rejects.toMatchObject({ code: 'KR_HOST_REFUSED' });
    expect(changes()).toEqual([`PUT ${org}/apps/101/secrets/MISSPELT`]);
  });

  it("that uses somebody else's key is left alone, whatever is declared", async () => {
    on([{ ...part, apikey_handle: 'other' }]);
    const named = { ...consumer, settings: { app: 'enrichment', secret: 'API_KEY_SECRET' } };
    const delivery = { consumer: named, version: { generation: 2, keyId: '17', secret }, otherKeys: ['18'], fence };
    await expect(host().deliver(delivery, never())).rejects.toMatchObject({
      detail: expect.stringContaining('does not use this key'),
    });
    expect(changes()).toEqual([]);
  });

  it('with a part on each of two keys proves neither', async () => {
    const known = [1, 2].map((generation) => ({ generation, keyId: generation === 1 ? '17' : '18', secret: null }));
    on([part, { ...part, id: 2102, apikey_handle: nextId }]);
    const { instances } = await host().inspect(consumer, known, never());
    expect(instances.map(({ generation, evidence }) => [generation, evidence])).toEqual([[null, 'none']]);
    on([{ ...part, apikey_handle: nextId }]);
    expect((await host().inspect(consumer, known, never())).instances).toMatchObject([{ generation: 2, evidence: 'rolled-out' }]);
  });
});

describe('what a person is told about a SOAR key', () => {
  const facts = { store: 'soar', keyName: tag, keyId: '17', attributes: {} };

  it('keeps the order in which nothing is locked', () => {
    const told = config.instructions!.regenerate!(facts).join('\n');
    expect(told.indexOf('undeployed')).toBeLessThan(told.indexOf('Click Regenerate API Key Secret'));
    expect(told).toContain('(number 17)');
    expect(config.instructions!.mint!({ ...facts, keyId: null }).join('\n')).toMatch(new RegExp(`${tag}[\\s\\S]*destination`));
    expect(config.instructions!.revoke!(facts)[0]).toContain('destination');
  });
});
