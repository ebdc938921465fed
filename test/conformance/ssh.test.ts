import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll } from 'vitest';
import { connector } from '../../activities/connectors/app-hosts/ssh/app-host.js';
import type { SshSettings } from '../../activities/connectors/app-hosts/ssh/config.js';
import { Connections } from '../../activities/connectors/app-hosts/ssh/connections.js';
import { RemoteMachine } from '../../activities/connectors/app-hosts/ssh/machine.js';
import type { RunningSandbox } from '../sandbox/support.js';
import { type SshServer, startSshServer } from '../support/sshd.js';
import { describeMachine } from './suites/machine.js';
import { context, throughLedger } from './suites/sandbox.js';
import { agentOf, describeVendorHost, type SandboxWorld } from './suites/sandbox-host.js';

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
async function world(sandbox: RunningSandbox): Promise<SandboxWorld> {
  const { name, program, ...agent } = agentOf(sandbox);
  const consumer = throughLedger(connector.config.consumer.parse({ ...program, address: address() })) as { file: string };
  return {
    ...agent,
    host: connector.open(settings(), context('fleet'), null),
    consumer: { name, host: 'fleet', settings: { ...consumer } },
    missing: { name: 'nobody', host: 'fleet', settings: { ...consumer, file: `${consumer.file}.none` } },
    file: consumer.file,
  };
}

const machine = (own: SshSettings) => ({
  machine: new RemoteMachine(new Connections(own, context('fleet')), { address: address() }, own),
  close: async () => undefined,
});
describeMachine({ name: 'a machine by SSH', open: async () => machine(settings()) });
// Where it would ask for a password there is nothing to try; test/unit/app-hosts/ssh.test.ts has
// what is said then.
if (spawnSync('sudo', ['-n', 'true']).status === 0)
  describeMachine({ name: 'a machine by SSH, as root by sudo', open: async () => machine({ ...settings(), sudo: true }) });
describeVendorHost({
  connector,
  vendor: 'datadog',
  program: 'web-1',
  abilities: ['readSecret', 'identityOf'],
  writesFile: true,
  world,
});
