/** Owns the list of what can be configured: the configuration part of every connector, and nothing that talks to the outside. */
import { config as assisted } from '../app-hosts/assisted/config.js';
import { config as fileHost } from '../app-hosts/file/config.js';
import { config as soarAppHost } from '../app-hosts/soar-app-host/config.js';
import { config as ssh } from '../app-hosts/ssh/config.js';
import { config as webhook } from '../app-hosts/webhook/config.js';
import { config as algolia } from '../key-stores/algolia/config.js';
import { config as datadog } from '../key-stores/datadog/config.js';
import { config as dnn } from '../key-stores/dnn/config.js';
import { config as docspace } from '../key-stores/docspace/config.js';
import { config as soar } from '../key-stores/soar/config.js';
import type { ConnectorConfigs } from './schema.js';

export const connectors: ConnectorConfigs = {
  stores: [datadog, soar, docspace, algolia, dnn],
  hosts: [fileHost, soarAppHost, webhook, ssh, assisted],
};
