/**
 * Owns the explicit list of connectors: which kinds of key stores and app hosts there are, and how
 * an instance of each is opened.
 */

import { connector as fileHost } from '../activities/connectors/app-hosts/file/app-host.js';
import { connector as manual } from '../activities/connectors/app-hosts/manual/app-host.js';
import { connector as soarAppHost } from '../activities/connectors/app-hosts/soar-app-host/app-host.js';
import { connector as ssh } from '../activities/connectors/app-hosts/ssh/app-host.js';
import { connector as webhook } from '../activities/connectors/app-hosts/webhook/app-host.js';
import { connector as algolia } from '../activities/connectors/key-stores/algolia/key-store.js';
import { connector as datadog } from '../activities/connectors/key-stores/datadog/key-store.js';
import { connector as dnn } from '../activities/connectors/key-stores/dnn/key-store.js';
import { connector as docspace } from '../activities/connectors/key-stores/docspace/key-store.js';
import { connector as soar } from '../activities/connectors/key-stores/soar/key-store.js';
import type { AppHostConnector, KeyStoreConnector } from '../activities/ports/connector.js';

export const keyStoreConnectors = byKind<KeyStoreConnector>([datadog, soar, docspace, algolia, dnn]);
export const appHostConnectors = byKind<AppHostConnector>([fileHost, soarAppHost, webhook, ssh, manual]);

/** Two connectors of one kind would make it a matter of order which one is used. */
function byKind<Connector extends { readonly config: { readonly kind: string } }>(
  connectors: readonly Connector[],
): ReadonlyMap<string, Connector> {
  const map = new Map<string, Connector>();
  for (const connector of connectors) {
    if (map.has(connector.config.kind)) throw new Error(`two connectors of kind ${connector.config.kind}`);
    map.set(connector.config.kind, connector);
  }
  return map;
}
