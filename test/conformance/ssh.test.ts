import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { parse } from 'yaml';
import { connector } from '../../activities/app-hosts/ssh/app-host.js';
import type { SshSettings } from '../../activities/app-hosts/ssh/config.js';
import { Connections } from '../../activities/app-hosts/ssh/connections.js';
import { RemoteMachine } from '../../activities/app-hosts/ssh/machine.js';
import { connector as datadog } from '../../activities/key-stores/datadog/key-store.js';
import { acceptedEverywhere } from '../../activities/ports/key-store.js';
import { Secret } from '../../activities/ports/secret.js';
import { type RunningSandbox, until } from '../sandbox/support.js';
import { type SshServer, startSshServer } from '../support/sshd.js';
import { type AppHostWorld, describeAppHost } from './suites/app-host.js';
import { describeMachine } from './suites/machine.js';
import { context, declared, throughLedger } from './suites/sandbox.js';

const never = () => new AbortController().signal;
let server: SshServer;
beforeAll(async () => {
  server = await startSshServer();
});
afterAll(() => server.close());

const settings = () =>
  throughLedger(
    connector.config.settings.parse({
      user: server.user,
      management: { privateKey: `file:${server.privateKey}` },
      knownHosts: server.knownHosts,
    }),
  ) as SshSettings;
const address = () => `127.0.0.1:${server.port}`;

/** The same agent as on the host `file`, reached as if its machine were another. */
async function world(sandbox: RunningSandbox): Promise<AppHostWorld> {
  const {
    host: _,
    name,
    ...entry
  } = parse(readFileSync(path.join(sandbox.home, 'rekey.yaml'), 'utf8')).credentials['datadog/agents'].consumers[0];
  const consumer = throughLedger(connector.config.consumer.parse({ ...entry, address: address() })) as { file: string };
  const store = datadog.open(
    throughLedger(datadog.config.settings.parse(declared(sandbox, 'stores', 'datadog'))),
    context('datadog'),
  );
  return {
    host: connector.open(settings(), context('fleet'), null),
    consumer: { name, host: 'fleet', settings: { ...consumer } },
    missing: { name: 'nobody', host: 'fleet', settings: { ...consumer, file: `${consumer.file}.none` } },
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
    file: consumer.file,
    held: async () => /^api_key: (\w+)$/m.exec(readFileSync(consumer.file, 'utf8'))![1]!,
  };
}

const machine = (own: SshSettings) => ({
  machine: new RemoteMachine(new Connections(own, context('fleet')), { address: address() }, own),
  close: async () => undefined,
});
describeMachine({ name: 'a machine by SSH', open: async () => machine(settings()) });
// Where it would ask for a password there is nothing to try; test/unit/app-hosts/ssh.test.ts has what is said then.
if (spawnSync('sudo', ['-n', 'true']).status === 0)
  describeMachine({ name: 'a machine by SSH, as root by sudo', open: async () => machine({ ...settings(), sudo: true }) });
describeAppHost({ connector, vendor: 'datadog', abilities: ['readSecret'], overHttp: false, writesFile: true, world });
