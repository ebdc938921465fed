/**
 * Owns Datadog's customers in the sandbox: three agents and a program of the customer's own, with
 * the files from which they start.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConsumerSpec, Instance } from '../../consumers/consumer.js';
import { readIfExists, writeAtomically } from '../../durable.js';
import { TIMING } from '../../timing.js';
import type { Addresses } from './send-series.js';

export interface DatadogConsumer {
  readonly app: string;
  readonly file: string;
  readonly format: 'yaml' | 'datadog-conf' | 'dotenv';
  readonly at: 'api_key' | 'DD_API_KEY';
  readonly content: (key: string) => string;
}

const AGENTS = ['web-1', 'web-2'];

export function datadogConsumers(home: string): DatadogConsumer[] {
  const file = (app: string, name: string) => path.join(home, 'hosts', app, name);
  return [
    ...AGENTS.map((app) => ({
      app,
      file: file(app, 'datadog.yaml'),
      format: 'yaml' as const,
      at: 'api_key' as const,
      content: (key: string) => agent7(app, key),
    })),
    { app: 'legacy', file: file('legacy', 'datadog.conf'), format: 'datadog-conf', at: 'api_key', content: agent5 },
    { app: 'reporter', file: file('reporter', '.env'), format: 'dotenv', at: 'DD_API_KEY', content: dotenv },
  ];
}

/**
 * Once a file exists it is the customer's: a restart of the sandbox starts from what stands in it.
 * Anew means a new machine: what others left beside it is gone, too.
 */
export function writeFiles(consumers: readonly DatadogConsumer[], key: string, anew: boolean): void {
  for (const { file, content } of consumers) {
    if (!anew && existsSync(file)) continue;
    rmSync(path.dirname(file), { recursive: true, force: true });
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeAtomically(file, content(key), 0o640);
  }
}

export function specOf(consumer: DatadogConsumer, addresses: Addresses): ConsumerSpec {
  const isAgent = consumer.format !== 'dotenv';
  return {
    app: consumer.app,
    vendor: 'datadog',
    program: fileURLToPath(new URL(isAgent ? 'agent.js' : 'reporter.js', import.meta.url)),
    args: [consumer.file],
    startDelay: TIMING.consumers.agentStart,
    settings: () => addresses,
    restartDelay: TIMING.consumers.restartDelay,
    source: {
      read: () => /^(?:api_key: |DD_API_KEY=)(\S+)$/m.exec(readIfExists(consumer.file) ?? '')?.[1] ?? null,
      write: (key) => writeAtomically(consumer.file, consumer.content(key), 0o640),
    },
    describe: !isAgent ? describeReporter : consumer.format === 'yaml' ? describeAgent('7.66.1') : describeAgent('5.32.8'),
  };
}

/**
 * The two lines of `datadog-agent status` that matter here. An agent that has not read its file yet
 * shows no key.
 */
function describeAgent(version: string): (instance: Instance) => string {
  return ({ pid, startedAt, loaded }) =>
    [
      `Agent (v${version}) pid ${pid} started ${startedAt.toISOString()}`,
      loaded ? `  API key ending with: ${loaded.tail}` : '  Agent is starting',
    ].join('\n');
}

function describeReporter({ pid, startedAt, loaded }: Instance): string {
  return `instance pid ${pid} started ${startedAt.toISOString()} ${loaded ? `fingerprint ${loaded.fingerprint}` : 'starting'}`;
}

function agent7(host: string, key: string): string {
  return `## Managed by configuration management; the API key is rotated by rekey.
#########################
## Basic Configuration ##
#########################

## @param api_key - string - required
## The Datadog API key used by your Agent to submit metrics and events to Datadog.
#
api_key: ${key}

## @param site - string - optional - default: datadoghq.com
#
site: datadoghq.eu

hostname: ${host}
tags:
  - env:production
  - role:web # do not change: dashboards filter by it

logs_enabled: true
process_config:
  process_collection:
    enabled: true
`;
}

function agent5(key: string): string {
  return `# An Agent 5 that nobody dares to upgrade.
[Main]

# The host of the Datadog intake server to send Agent data to
dd_url: https://app.datadoghq.eu

# The Datadog API key to associate your Agent's data with your organization.
api_key: ${key}

# Force the hostname to whatever you want.
hostname: legacy

tags: env:production, role:batch
collect_ec2_tags: no
`;
}

function dotenv(key: string): string {
  return `# Settings of the nightly report
NODE_ENV=production
DD_SITE=datadoghq.eu
DD_API_KEY=${key}
DD_TAGS="env:production role:report"
REPORT_RECIPIENTS='ops@example.com, board@example.com'
`;
}
