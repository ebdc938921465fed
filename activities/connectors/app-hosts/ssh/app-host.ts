/**
 * Owns many machines that are reached by SSH as one app host: a file holds the key there, commands
 * and signals make the program take it.
 */

import type { AppHostConnector } from '../../../ports/connector.js';
import { MachineHost } from '../../machines/host.js';
import { config, consumer, type SshConsumer, type SshSettings } from './config.js';
import { Connections } from './connections.js';
import { RemoteMachine } from './machine.js';

export const connector: AppHostConnector = {
  config,
  open(opened, context) {
    const settings = opened as SshSettings;
    const connections = new Connections(settings, context);
    return new MachineHost<SshConsumer>({
      kind: config.kind,
      timing: settings.timing,
      userAgent: context.userAgent,
      identity: async () => `ssh as ${settings.user}`,
      // That the key is a known one is proved at each connection; that it is the same one is not:
      // a name can come to stand for another machine that is known, too.
      identityOf: (target, signal) => connections.hostKeyOf(target, signal),
      parse: (spec) => consumer.parse(spec),
      machineOf: (target) => new RemoteMachine(connections, target, settings),
    });
  },
};
