/**
 * Owns the list of what can be configured: the configuration part of every connector, and nothing
 * that talks to the outside.
 */

import { config as fileHost } from '../connectors/app-hosts/file/config.js';
import { config as manual } from '../connectors/app-hosts/manual/config.js';
import { config as soarAppHost } from '../connectors/app-hosts/soar-app-host/config.js';
import { config as ssh } from '../connectors/app-hosts/ssh/config.js';
import { config as webhook } from '../connectors/app-hosts/webhook/config.js';
import { config as algolia } from '../connectors/key-stores/algolia/config.js';
import { config as datadog } from '../connectors/key-stores/datadog/config.js';
import { config as dnn } from '../connectors/key-stores/dnn/config.js';
import { config as docspace } from '../connectors/key-stores/docspace/config.js';
import { config as soar } from '../connectors/key-stores/soar/config.js';
import type { ConnectorConfigs } from './schema.js';

export const connectors: ConnectorConfigs = {
  stores: [datadog, soar, docspace, algolia, dnn],
  hosts: [fileHost, soarAppHost, webhook, ssh, manual],
};
