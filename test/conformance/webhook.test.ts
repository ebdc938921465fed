import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { connector } from '../../activities/app-hosts/webhook/app-host.js';
import { connector as datadog } from '../../activities/key-stores/datadog/key-store.js';
import { acceptedEverywhere } from '../../activities/ports/key-store.js';
import { Secret } from '../../activities/ports/secret.js';
import { type RunningSandbox, until } from '../sandbox/support.js';
import { type AppHostWorld, describeAppHost } from './suites/app-host.js';
import { context, declared, requestDeadline, throughLedger } from './suites/sandbox.js';

const never = () => new AbortController().signal;

/** An agent of the sandbox, behind its receiver: the same program as on the host `file`, by another way. */
async function world(sandbox: RunningSandbox, impatient: boolean): Promise<AppHostWorld> {
  const { name, file } = parse(readFileSync(path.join(sandbox.home, 'rekey.yaml'), 'utf8')).credentials['datadog/agents']
    .consumers[0];
  const settings = connector.config.settings.parse({
    url: `${sandbox.control}/hook`,
    management: { signingKey: `file:${path.join(sandbox.home, 'secrets/hook-signing-key')}` },
    ...(impatient && { timing: { request: `${requestDeadline}ms` } }),
  });
  const store = datadog.open(
    throughLedger(datadog.config.settings.parse(declared(sandbox, 'stores', 'datadog'))),
    context('datadog'),
  );
  return {
    host: connector.open(throughLedger(settings), context('hook'), null),
    consumer: { name, host: 'hook', settings: {} },
    missing: { name: 'nobody', host: 'hook', settings: {} },
    current: {
      generation: 1,
      keyId: 'first',
      secret: new Secret(readFileSync(path.join(sandbox.home, 'secrets/datadog-agents'), 'utf8')),
    },
    async next() {
      const key = await store.create(
        { tag: `rekey-nextofit-${Date.now()}`, attributes: { name: 'next' }, likeKeyId: null },
        never(),
      );
      const reference = { keyId: key.id, secret: key.secret };
      await until('the key has spread', async () => acceptedEverywhere(await store.probe(reference, never())));
      return { generation: 2, ...reference };
    },
    held: async () => /^api_key: (\w+)$/m.exec(readFileSync(file, 'utf8'))![1]!,
  };
}

describeAppHost({ connector, vendor: 'datadog', door: 'hook', abilities: [], overHttp: true, world });
