import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { connector as fileHost } from '../../activities/connectors/app-hosts/file/app-host.js';
import { connector } from '../../activities/connectors/app-hosts/manual/app-host.js';
import { Secret } from '../../activities/ports/secret.js';
import type { RunningSandbox } from '../sandbox/support.js';
import { type DeliverableVersion, ledger } from './suites/app-host.js';
import { never } from './suites/expect.js';
import { context, throughLedger } from './suites/sandbox.js';
import { agentOf, describeVendorHost, type SandboxWorld } from './suites/sandbox-host.js';

/**
 * An agent of the sandbox that only a person can change; that person has the hands of the host
 * `file`.
 */
async function world(sandbox: RunningSandbox): Promise<SandboxWorld> {
  const { name, program, current, next } = agentOf(sandbox);
  const folder = path.join(sandbox.home, 'handover');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  const host = connector.open(throughLedger(connector.config.settings.parse({ folder })), context('people'), null);
  const consumer = { name, host: 'people', settings: {} };
  const hands = fileHost.open(throughLedger(fileHost.config.settings.parse({})), context('hands'), null);
  const theirs = { name, host: 'hands', settings: throughLedger(fileHost.config.consumer.parse(program)) as never };
  const held = async () => {
    try {
      return readFileSync(path.join(folder, name), 'utf8').trimEnd();
    } catch {
      return '';
    }
  };
  const says = async (version: DeliverableVersion) => {
    const delivery = { consumer, version, otherKeys: [], fence: { ledgerId: ledger, number: 1 } };
    const refused = await host.manual!.take(delivery, version.secret.fingerprint, never());
    if (refused !== null) throw new Error(refused);
  };
  await says(current);
  return {
    host,
    consumer,
    missing: { name: 'nobody', host: 'people', settings: { folder: path.join(folder, 'none') } },
    current,
    next,
    held,
    async person(version) {
      const fence = { ledgerId: 'a person', number: 1 };
      await hands.deliver(
        { consumer: theirs, version: { ...version, secret: new Secret(await held()) }, otherKeys: [], fence },
        never(),
      );
      await hands.apply(theirs, never());
      await says(version);
    },
  };
}

describeVendorHost({ connector, vendor: 'datadog', program: 'web-1', abilities: ['manual'], world });
