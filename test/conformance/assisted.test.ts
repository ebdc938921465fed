import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { connector } from '../../activities/app-hosts/assisted/app-host.js';
import { connector as fileHost } from '../../activities/app-hosts/file/app-host.js';
import { connector as datadog } from '../../activities/key-stores/datadog/key-store.js';
import { acceptedEverywhere } from '../../activities/ports/key-store.js';
import { Secret } from '../../activities/ports/secret.js';
import { type RunningSandbox, until } from '../sandbox/support.js';
import { type AppHostWorld, type DeliverableVersion, describeAppHost } from './suites/app-host.js';
import { context, declared, throughLedger } from './suites/sandbox.js';

const never = () => new AbortController().signal;

/** An agent of the sandbox that only a person can change; that person has the hands of the host `file`. */
async function world(sandbox: RunningSandbox): Promise<AppHostWorld> {
  const {
    name,
    host: _,
    ...program
  } = parse(readFileSync(path.join(sandbox.home, 'rekey.yaml'), 'utf8')).credentials['datadog/agents'].consumers[0];
  const folder = path.join(sandbox.home, 'handover');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  const host = connector.open(throughLedger(connector.config.settings.parse({ folder })), context('people'), null);
  const consumer = { name, host: 'people', settings: {} };
  const store = datadog.open(
    throughLedger(datadog.config.settings.parse(declared(sandbox, 'stores', 'datadog'))),
    context('datadog'),
  );
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
    const delivery = { consumer, version, fence: { ledgerId: 'ledger-a', number: 1 } };
    const refused = await host.byHand!.take(delivery, version.secret.fingerprint, never());
    if (refused !== null) throw new Error(refused);
  };
  const current = {
    generation: 1,
    keyId: 'first',
    secret: new Secret(readFileSync(path.join(sandbox.home, 'secrets/datadog-agents'), 'utf8')),
  };
  await says(current);
  return {
    host,
    consumer,
    missing: { name: 'nobody', host: 'people', settings: { folder: path.join(folder, 'none') } },
    current,
    async next() {
      const key = await store.create(
        { tag: `rekey-nextofit-${Date.now()}`, attributes: { name: 'next' }, likeKeyId: null },
        never(),
      );
      const reference = { keyId: key.id, secret: key.secret };
      await until('the key has spread', async () => acceptedEverywhere(await store.probe(reference, never())));
      return { generation: 2, ...reference };
    },
    held,
    async person(version) {
      const fence = { ledgerId: 'a person', number: 1 };
      await hands.deliver({ consumer: theirs, version: { ...version, secret: new Secret(await held()) }, fence }, never());
      await hands.apply(theirs, never());
      await says(version);
    },
  };
}

describeAppHost({ connector, vendor: 'datadog', abilities: ['byHand'], overHttp: false, world });
