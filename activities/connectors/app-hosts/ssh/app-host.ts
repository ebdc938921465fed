/**
 * Owns many machines that are reached by SSH as one app host: a file holds the key there, commands
 * and signals make the program take it.
 */

import type { AppHostConnector } from '../../../ports/connector.js';
import { MachineHost } from '../../machines/host.js';
import { config, consumer, type SshSettings } from './config.js';
import { Connections } from './connections.js';
import { RemoteMachine } from './machine.js';

export const connector: AppHostConnector = {
  config,
  open(opened, context) {
    const settings = opened as SshSettings;
    const connections = new Connections(settings, context);
    return new MachineHost({
      kind: config.kind,
      timing: settings.timing,
      userAgent: context.userAgent,
      // Which machine it is, its host key proves at each connection; what is left to change is the
      // account.
      identity: async () => `ssh as ${settings.user}`,
      parse: (spec) => consumer.parse(spec),
      machineOf: (target) => new RemoteMachine(connections, target, settings),
    });
  },
};
