/** Owns the worker's own machine as an app host: a file holds the key, commands and signals make the program take it. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { machineConsumer } from '../../machines/consumer.js';
import { MachineHost } from '../../machines/host.js';
import type { AppHostConnector } from '../../ports/connector.js';
import { config, type FileHostSettings } from './config.js';
import { LocalMachine } from './machine.js';

export const connector: AppHostConnector = {
  config,
  open(opened, { userAgent }) {
    const settings = opened as FileHostSettings;
    const machine = new LocalMachine();
    return new MachineHost({
      kind: config.kind,
      timing: settings.timing,
      userAgent,
      identity: async () => settings.identity ?? (await ownIdentity()),
      parse: (consumer) => machineConsumer.parse(consumer),
      machineOf: () => machine,
    });
  },
};

/** systemd asks not to show a machine's id (machine-id(5)), so a hash of it stands for the machine. */
async function ownIdentity(): Promise<string> {
  const id = await readFile('/etc/machine-id', 'utf8').catch(() => '');
  return createHash('sha256')
    .update(`rekey:host:v1:${id.trim() || hostname()}`)
    .digest('hex')
    .slice(0, 16);
}
