/**
 * Owns the apps of a DNN customer in the sandbox: two that read content, one that writes it, with
 * the files from which they start.
 */
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConsumerSpec, Instance } from '../../consumers/consumer.js';
import { writeAtomically } from '../../durable.js';
import { TIMING } from '../../timing.js';
import type { ContentSettings, Deed } from './ask-content.js';

export interface DnnConsumer {
  readonly app: string;
  readonly file: string;
  readonly format: 'dotenv' | 'yaml';
  readonly at: string;
  readonly deed: Deed;
  readonly content: (key: string) => string;
}

export function dnnConsumers(home: string): DnnConsumer[] {
  const file = (app: string, name: string) => path.join(home, 'hosts', app, name);
  return [
    {
      app: 'catalogue',
      file: file('catalogue', '.env'),
      format: 'dotenv',
      at: 'LIQUID_CONTENT_KEY',
      deed: 'read',
      content: dotenv,
    },
    ...(['kiosk', 'stock-sync'] as const).map((app) => ({
      app,
      file: file(app, 'settings.yaml'),
      format: 'yaml' as const,
      at: 'content.apiKey',
      deed: app === 'kiosk' ? ('read' as const) : ('write' as const),
      content: (key: string) => yaml(app, key),
    })),
  ];
}

/**
 * Once a file exists it is the customer's: a restart of the sandbox starts from what stands in it.
 */
export function writeFiles(consumers: readonly DnnConsumer[], key: string, anew: boolean): void {
  for (const { file, content } of consumers) {
    if (!anew && existsSync(file)) continue;
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeAtomically(file, content(key), 0o640);
  }
}

export function specOf({ app, file, format, deed }: DnnConsumer, settings: () => ContentSettings): ConsumerSpec {
  const program = format === 'dotenv' ? 'catalogue.js' : 'content-app.js';
  return {
    app,
    vendor: 'dnn',
    program: fileURLToPath(new URL(program, import.meta.url)),
    args: [file, deed],
    startDelay: TIMING.consumers.agentStart,
    settings,
    restartDelay: TIMING.consumers.restartDelay,
    describe,
  };
}

function describe({ pid, startedAt, loaded }: Instance): string {
  return `instance pid ${pid} started ${startedAt.toISOString()} ${loaded ? `fingerprint ${loaded.fingerprint}` : 'starting'}`;
}

function dotenv(key: string): string {
  return `# The shop's own pages; the key is read again whenever this file changes
NODE_ENV=production
LIQUID_CONTENT_URL=https://dnnapi.com/content
LIQUID_CONTENT_KEY="${key}"
`;
}

function yaml(app: string, key: string): string {
  return `# ${app}: read at the start only
content:
  url: https://dnnapi.com/content
  apiKey: ${key} # of www.example.com, never of the intranet
log: info
`;
}
