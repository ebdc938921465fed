import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { storeFaults } from '../../../activities/connectors/http/faults.js';
import { DatadogClient } from '../../../activities/connectors/key-stores/datadog/client.js';
import { type DatadogSettings, config as datadog } from '../../../activities/connectors/key-stores/datadog/config.js';
import { DocSpaceClient } from '../../../activities/connectors/key-stores/docspace/client.js';
import { type DocSpaceSettings, config as docspace } from '../../../activities/connectors/key-stores/docspace/config.js';
import { SoarClient } from '../../../activities/connectors/key-stores/soar/client.js';
import type { SoarSettings } from '../../../activities/connectors/key-stores/soar/config.js';
import { Secret } from '../../../activities/ports/secret.js';
import { json } from '../http/server.js';
import { enveloped, idOf } from './docspace-portal.js';
import { context, key, never, secret, server, settings, soar, useSoar } from './soar-server.js';

useSoar();

const value = secret.reveal();
const store = { ...context('store'), resolve: async () => new Secret('sk-management') };

/** What the client hands on, as it would be shown in a message or a dump. */
const shown = (answer: unknown) => `${inspect(answer, { depth: null })} ${JSON.stringify(answer)}`;

describe('a secret that an answer shows is a Secret as soon as it is read', () => {
  it('by Datadog, of a key that is made and of one that is looked at', async () => {
    const given = { url: server.url, management: { apiKey: 'env:A', applicationKey: 'env:B' } };
    const client = new DatadogClient(datadog.settings.parse(given) as DatadogSettings, store);
    const data = { id: '1', attributes: { name: 'agents', key: value } };
    server.answer(({ method }, response) => json(response, method === 'POST' ? 201 : 200, { data }));
    const [made, seen] = [await client.create({}, never()), await client.get('1', never())];
    expect([made.secret.reveal(), seen!.secret!.reveal()]).toEqual([value, value]);
    expect(shown([made, seen])).not.toContain(value);
  });

  it('by DocSpace', async () => {
    const given = { url: server.url, management: { token: 'env:T' } };
    const client = new DocSpaceClient(docspace.settings.parse(given) as DocSpaceSettings, store);
    server.answer((_, response) => json(response, 200, enveloped({ id: idOf(1), name: 'web', key: value })));
    const made = await client.create({ name: 'web', permissions: ['*'] }, never());
    expect(made.secret.reveal()).toBe(value);
    expect(shown(made)).not.toContain(value);
  });

  it('by SOAR, and stands nowhere else in the key', async () => {
    const client = new SoarClient(settings() as SoarSettings, context('soar'), storeFaults, 'soar');
    soar({ 'POST /rest/orgs/201/apikeys': { ...key, client_secret: value } });
    const made = await client.create({ display_name: 'web', permissions: [] }, never());
    expect(made.secret.reveal()).toBe(value);
    expect(shown(made)).not.toContain(value);
  });
});
