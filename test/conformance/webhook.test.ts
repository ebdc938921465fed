import path from 'node:path';
import { connector } from '../../activities/connectors/app-hosts/webhook/app-host.js';
import type { RunningSandbox } from '../sandbox/support.js';
import { context, requestDeadline, throughLedger } from './suites/sandbox.js';
import { agentOf, describeVendorHost, type SandboxWorld } from './suites/sandbox-host.js';

/**
 * An agent of the sandbox, behind its receiver: the same program as on the host `file`, by another
 * way.
 */
async function world(sandbox: RunningSandbox, impatient: boolean): Promise<SandboxWorld> {
  const { name, program: _, ...agent } = agentOf(sandbox);
  const settings = connector.config.settings.parse({
    url: `${sandbox.control}/hook`,
    management: { signingKey: `file:${path.join(sandbox.home, 'secrets/hook-signing-key')}` },
    ...(impatient && { timing: { request: `${requestDeadline}ms` } }),
  });
  return {
    ...agent,
    host: connector.open(throughLedger(settings), context('hook'), null),
    consumer: { name, host: 'hook', settings: {} },
    missing: { name: 'nobody', host: 'hook', settings: {} },
  };
}

describeVendorHost({ connector, vendor: 'datadog', program: 'web-1', door: 'hook', messages: true, abilities: [], world });
