/**
 * Owns the programs of the sandbox that work with DocSpace: two export workers and an archiver,
 * with the files from which they take their key.
 */
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConsumerSpec, Instance } from '../../consumers/consumer.js';
import { writeAtomically } from '../../durable.js';
import { TIMING } from '../../timing.js';
import type { Portal } from './call-portal.js';

export interface DocSpaceConsumer {
  readonly app: string;
  readonly file: string;
  readonly format: 'dotenv' | 'yaml';
  readonly at: string;
  readonly program: 'export-worker.js' | 'archiver.js';
  readonly content: (key: string) => string;
}

export function docspaceConsumers(home: string): DocSpaceConsumer[] {
  const file = (app: string, name: string) => path.join(home, 'hosts', app, name);
  const worker = (app: string): DocSpaceConsumer => ({
    app,
    file: file(app, 'export.env'),
    format: 'dotenv',
    at: 'DOCSPACE_API_KEY',
    program: 'export-worker.js',
    content: (key) => environment(app, key),
  });
  return [
    worker('exports-1'),
    worker('exports-2'),
    {
      app: 'archiver',
      file: file('archiver', 'archiver.yaml'),
      format: 'yaml',
      at: 'docspace.key',
      program: 'archiver.js',
      content: settings,
    },
  ];
}

/**
 * Once a file exists it is the customer's: a restart of the sandbox starts from what stands in it.
 */
export function writeFiles(consumers: readonly DocSpaceConsumer[], key: string, anew: boolean): void {
  for (const { file, content } of consumers) {
    if (!anew && existsSync(file)) continue;
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeAtomically(file, content(key), 0o640);
  }
}

export function specOf(consumer: DocSpaceConsumer, portal: Portal): ConsumerSpec {
  return {
    app: consumer.app,
    vendor: 'docspace',
    program: fileURLToPath(new URL(consumer.program, import.meta.url)),
    args: [consumer.file],
    startDelay: TIMING.consumers.agentStart,
    settings: () => portal,
    restartDelay: TIMING.consumers.restartDelay,
    describe: ({ pid, startedAt, loaded }: Instance) =>
      `${consumer.app} pid ${pid} started ${startedAt.toISOString()} ${loaded ? `fingerprint ${loaded.fingerprint}` : 'starting'}`,
  };
}

function environment(app: string, key: string): string {
  return `# Exports finished orders as documents. Read at the start only: restart after a change.
WORKER_NAME=${app}
DOCSPACE_API_KEY=${key}
DOCSPACE_FOLDER=@my
EXPORT_FORMAT=docx # do not change: the archiver expects it
`;
}

function settings(key: string): string {
  return `# Looks at the rooms and files away what is old. This file is looked at before each round.
rooms:
  - Orders
  - Invoices
docspace:
  key: "${key}"
  keepDays: 90
`;
}
