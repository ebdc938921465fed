/**
 * Owns how the embedded Temporal server is started: on a file, on the loopback, with the settings
 * that make it fast on one machine.
 */
import path from 'node:path';
import { NativeConnection } from '@temporalio/worker';
import { childEnvironment } from '../../activities/ports/child.js';
import type { Home } from './home.js';
import type { ChildSpec } from './supervisor.js';

/**
 * Without the first, an activity costs 100 ms; without the next two, every timer, retry and
 * continue-as-new has a floor of one second. The two after that are what a busy machine needs: its
 * one shard reads timers as often as it has to, and looks for one that it missed after seconds,
 * not after five minutes.
 */
const dynamicConfig = [
  'history.transferProcessorMaxPollRPS=5000',
  'history.timerProcessorMaxTimeShift="20ms"',
  'history.workflowIdReuseMinimalInterval="0s"',
  'history.timerProcessorMaxPollRPS=5000',
  'history.timerProcessorMaxPollInterval="5s"',
  // Its HTTP API has no switch and answers web pages: nobody is a host of this name.
  'frontend.httpAllowedHosts=["closed.invalid"]',
];

export interface TemporalPorts {
  readonly temporal: number;
  readonly temporalHttp: number;
  readonly temporalMetrics: number;
}

/** `namespaces` are made at start beside `default`. */
export function temporalServer(home: Home, binary: string, ports: TemporalPorts, namespaces: readonly string[] = []): ChildSpec {
  return {
    name: 'temporal',
    command: binary,
    // How its runtime uses memory is for whoever starts us to say.
    env: childEnvironment({}, ['GOGC', 'GOMEMLIMIT']),
    args: [
      'server',
      'start-dev',
      '--headless',
      '--ip',
      '127.0.0.1',
      '--port',
      String(ports.temporal),
      '--http-port',
      String(ports.temporalHttp),
      '--metrics-port',
      String(ports.temporalMetrics),
      '--db-filename',
      path.join(home.temporal, 'temporal.db'),
      '--sqlite-pragma',
      'journal_mode=WAL',
      '--sqlite-pragma',
      'synchronous=NORMAL',
      '--log-level',
      'warn',
      ...namespaces.flatMap((name) => ['--namespace', name]),
      ...dynamicConfig.flatMap((value) => ['--dynamic-config-value', value]),
    ],
    ready: async () => {
      const address = `127.0.0.1:${ports.temporal}`;
      for (const until = performance.now() + 30_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
        if (await serves(address)) return;
        if (performance.now() > until) throw new Error('Temporal does not answer');
      }
    },
  };
}

async function serves(address: string): Promise<boolean> {
  try {
    const connection = await NativeConnection.connect({ address });
    try {
      await connection.workflowService.describeNamespace({ namespace: 'default' });
      return true;
    } finally {
      await connection.close();
    }
  } catch {
    return false;
  }
}
