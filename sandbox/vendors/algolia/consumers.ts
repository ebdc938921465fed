/**
 * Owns Algolia's customers in the sandbox: a search front end, a token service with its browsers,
 * and an indexer, with the files from which they start.
 */
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConsumerSpec, Instance } from '../../consumers/consumer.js';
import { writeAtomically } from '../../durable.js';
import { TIMING } from '../../timing.js';
import type { Addresses } from './request.js';

export interface AlgoliaConsumer {
  readonly app: 'storefront' | 'tokens' | 'indexer';
  readonly uses: 'searchKey' | 'indexingKey';
  readonly file: string;
  readonly format: 'dotenv' | 'yaml';
  readonly at: string;
  readonly content: (key: string, appId: string) => string;
}

export function algoliaConsumers(home: string): AlgoliaConsumer[] {
  const file = (app: string, name: string) => path.join(home, 'hosts', app, name);
  return [
    {
      app: 'storefront',
      uses: 'searchKey',
      file: file('storefront', '.env'),
      format: 'dotenv',
      at: 'ALGOLIA_SEARCH_KEY',
      content: storefront,
    },
    {
      app: 'tokens',
      uses: 'searchKey',
      file: file('tokens', '.env'),
      format: 'dotenv',
      at: 'ALGOLIA_PARENT_KEY',
      content: tokens,
    },
    {
      app: 'indexer',
      uses: 'indexingKey',
      file: file('indexer', 'indexer.yaml'),
      format: 'yaml',
      at: 'algolia.api_key',
      content: indexer,
    },
  ];
}

/**
 * Once a file exists it is the customer's: a restart of the sandbox starts from what stands in it.
 */
export function writeFiles(
  consumers: readonly AlgoliaConsumer[],
  keys: Readonly<Record<AlgoliaConsumer['uses'], string>>,
  appId: string,
  anew: boolean,
): void {
  for (const { file, uses, content } of consumers) {
    if (!anew && existsSync(file)) continue;
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeAtomically(file, content(keys[uses], appId), 0o640);
  }
}

export function specOf({ app, file }: AlgoliaConsumer, addresses: Addresses): ConsumerSpec {
  return {
    app,
    vendor: 'algolia',
    program: fileURLToPath(new URL(`${app}.js`, import.meta.url)),
    args: [file],
    startDelay: TIMING.consumers.agentStart,
    settings: () => addresses,
    restartDelay: TIMING.consumers.restartDelay,
    describe,
  };
}

function describe({ pid, startedAt, loaded }: Instance): string {
  return `instance pid ${pid} started ${startedAt.toISOString()} ${loaded ? `fingerprint ${loaded.fingerprint}` : 'starting'}`;
}

function storefront(key: string, appId: string): string {
  return `# Settings of the shop's search page
NODE_ENV=production
ALGOLIA_APP_ID=${appId}
ALGOLIA_SEARCH_KEY=${key}
ALGOLIA_INDEX=products
`;
}

function tokens(key: string, appId: string): string {
  return `# The token service: every visitor gets a key of their own, made from this one
ALGOLIA_APP_ID=${appId}
ALGOLIA_PARENT_KEY="${key}"
TOKEN_TTL=${TIMING.algolia.securedKeys / 1000}
`;
}

function indexer(key: string, appId: string): string {
  return `# Brings the catalogue into the index; read at start only.
algolia:
  app_id: ${appId}
  api_key: ${key} # may add and delete records, nothing else
  index: products
catalogue:
  every: 15m
`;
}
