/**
 * Owns the worker's own machine as an app host: a file holds the key, commands and signals make the
 * program take it.
 */

import type { AppHostConnector } from '../../../ports/connector.js';
import { machineConsumer } from '../../machines/consumer.js';
import { MachineHost } from '../../machines/host.js';
import { ownIdentity } from '../../machines/identity.js';
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
