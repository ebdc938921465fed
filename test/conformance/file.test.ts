import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { connector } from '../../activities/app-hosts/file/app-host.js';
import { LocalMachine } from '../../activities/app-hosts/file/machine.js';
import { connector as datadog } from '../../activities/key-stores/datadog/key-store.js';
import { acceptedEverywhere } from '../../activities/ports/key-store.js';
import { Secret } from '../../activities/ports/secret.js';
import { type RunningSandbox, until } from '../sandbox/support.js';
import { type AppHostWorld, describeAppHost } from './suites/app-host.js';
import { describeMachine } from './suites/machine.js';
import { context, declared, throughLedger } from './suites/sandbox.js';

const never = () => new AbortController().signal;

/** An agent of the sandbox: a real process that reads its file at the start only, restarted and asked by commands. */
async function world(sandbox: RunningSandbox): Promise<AppHostWorld> {
  const {
    host: _,
    name,
    ...entry
  } = parse(readFileSync(path.join(sandbox.home, 'rekey.yaml'), 'utf8')).credentials['datadog/agents'].consumers[0];
  const settings = throughLedger(connector.config.consumer.parse(entry)) as { file: string };
  const host = connector.open(throughLedger(connector.config.settings.parse({})), context('machines'), null);
  const store = datadog.open(
    throughLedger(datadog.config.settings.parse(declared(sandbox, 'stores', 'datadog'))),
    context('datadog'),
  );
  return {
    host,
    consumer: { name, host: 'machines', settings },
    missing: { name: 'nobody', host: 'machines', settings: { ...settings, file: `${settings.file}.none` } },
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
    file: settings.file,
    held: async () => /^api_key: (\w+)$/m.exec(readFileSync(settings.file, 'utf8'))![1]!,
  };
}

describeMachine({
  name: 'the machine itself',
  open: async () => ({ machine: new LocalMachine(), close: async () => undefined }),
});
describeAppHost({ connector, vendor: 'datadog', abilities: ['readSecret'], overHttp: false, writesFile: true, world });
