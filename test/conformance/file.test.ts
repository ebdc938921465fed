import { connector } from '../../activities/connectors/app-hosts/file/app-host.js';
import { LocalMachine } from '../../activities/connectors/app-hosts/file/machine.js';
import type { RunningSandbox } from '../sandbox/support.js';
import { describeMachine } from './suites/machine.js';
import { context, throughLedger } from './suites/sandbox.js';
import { agentOf, describeVendorHost, type SandboxWorld } from './suites/sandbox-host.js';

async function world(sandbox: RunningSandbox): Promise<SandboxWorld> {
  const { name, program, ...agent } = agentOf(sandbox);
  const settings = throughLedger(connector.config.consumer.parse(program)) as { file: string };
  return {
    ...agent,
    host: connector.open(throughLedger(connector.config.settings.parse({})), context('machines'), null),
    consumer: { name, host: 'machines', settings },
    missing: { name: 'nobody', host: 'machines', settings: { ...settings, file: `${settings.file}.none` } },
    file: settings.file,
  };
}

describeMachine({
  name: 'the machine itself',
  open: async () => ({ machine: new LocalMachine(), close: async () => undefined }),
});
describeVendorHost({ connector, vendor: 'datadog', program: 'web-1', abilities: ['readSecret'], writesFile: true, world });
