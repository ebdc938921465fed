/** Owns a whole `rekey up --sandbox` in a home of its own, for tests that kill its parts. */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { dataConverter } from '../../client/codec.js';
import { startWorkflow } from '../../client/messages.js';
import { mainQueue, rotationWorkflowId, workflowOf } from '../../workflows/contract.js';
import type { Strategy } from '../../workflows/domain/states.js';
import { firstLine, hang, type KeyShown, type RunShown, sleep, type TrafficShown } from './lane.js';
import { tester } from './who.js';

const dist = path.resolve(import.meta.dirname, '../../dist');

export interface Ready {
  readonly temporal: string;
  readonly database: string;
  readonly sandbox: { readonly control: string };
  readonly pids: Readonly<Record<'up' | 'temporal' | 'postgres' | 'worker' | 'sandbox', number>>;
}

export class Up {
  #process: ChildProcess | null = null;
  ready!: Ready;

  private constructor(
    readonly home: string,
    private readonly vendors: readonly string[],
    private readonly pace: number,
  ) {}

  /**
   * Without `vendors` all are simulated; `pace`: how many times slower than usual their programs
   * work.
   */
  static async start(vendors: readonly string[] = [], pace = 1): Promise<Up> {
    const root = mkdtempSync(path.join(os.tmpdir(), 'rekey-up-'));
    chmodSync(root, 0o755);
    const up = new Up(path.join(root, 'home'), vendors, pace);
    await up.again();
    return up;
  }

  get environment(): NodeJS.ProcessEnv {
    return { ...process.env, REKEY_HOME: this.home };
  }

  /** Starts it on the same home, as after a kill of everything. */
  async again(): Promise<void> {
    await this.#gone();
    const chosen = ['--pace', String(this.pace), ...(this.vendors.length > 0 ? ['--vendors', this.vendors.join(',')] : [])];
    const child = spawn(process.execPath, [path.join(dist, 'worker/commands/up.js'), '--sandbox', ...chosen, '--json'], {
      env: this.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    const line = await firstLine(child);
    const ready = JSON.parse(line) as Ready & { readonly ready?: true };
    if (!ready.ready) throw new Error(`up did not come up: ${line}`);
    this.ready = ready;
  }

  /** A process that was killed is there for a moment longer. */
  async #gone(): Promise<void> {
    const child = this.#process;
    if (child && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  /** The pids as they are now: children are started again under new ones. */
  get pids(): Readonly<Record<string, number>> {
    const state = JSON.parse(readFileSync(path.join(this.home, 'state.json'), 'utf8')) as {
      up: { pid: number };
      services: Record<string, { pid: number }>;
    };
    return { up: state.up.pid, ...Object.fromEntries(Object.entries(state.services).map(([name, { pid }]) => [name, pid])) };
  }

  /** The database and Temporal may be away at this very moment: asks until they answer. */
  async query<Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    const url = new URL(this.ready.database);
    url.password = readFileSync(path.join(this.home, 'keys', 'postgres-password'), 'utf8').trim();
    return this.patiently(async () => {
      const client = new pg.Client({ connectionString: url.href, connectionTimeoutMillis: 1_000 });
      client.on('error', () => undefined);
      try {
        await client.connect();
        return (await client.query<Row>(sql, [...values])).rows;
      } finally {
        await client.end().catch(() => undefined);
      }
    });
  }

  async rotate(credential: string, strategy: Strategy): Promise<void> {
    const connection = await Connection.connect({ address: this.ready.temporal });
    const client = new Client({ connection, dataConverter: dataConverter(path.join(this.home, 'keys')) });
    const order = { id: randomUUID(), credential, options: { without: [] }, by: tester };
    await startWorkflow(client, workflowOf[strategy], order, {
      workflowId: rotationWorkflowId(credential),
      taskQueue: mainQueue,
      workflowTaskTimeout: '2s',
    });
    await connection.close();
  }

  async rotation(credential: string): Promise<RunShown | undefined> {
    return (
      await this.query<RunShown>('select * from run_status where credential = $1 order by opened_at desc limit 1', [credential])
    )[0];
  }

  ended(credential: string): Promise<RunShown> {
    return this.until(`${credential} to end`, async () => {
      const rotation = await this.rotation(credential);
      return rotation?.outcome ? rotation : undefined;
    });
  }

  async reached(credential: string, phases: readonly string[]): Promise<void> {
    await this.until(`${credential} to be ${phases.join(' or ')}`, async () =>
      phases.includes((await this.rotation(credential))?.phase ?? ''),
    );
  }

  /** Waits until `look` finds something; throws, with what is open, when it must be a hang. */
  async until<Found>(what: string, look: () => Promise<Found | undefined | false>): Promise<Found> {
    for (const end = performance.now() + hang; performance.now() < end; await sleep(20)) {
      const found = await look();
      if (found) return found;
    }
    throw new Error(`waited ${hang / 1000} s for ${what}; open: ${JSON.stringify(await this.#open())}`);
  }

  #open(): Promise<RunShown[]> {
    return this.query<RunShown>('select * from run_status where outcome is null');
  }

  /** What was killed is started again: asks until it answers. */
  async patiently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    for (const end = performance.now() + hang; ; await sleep(100)) {
      try {
        return await ask();
      } catch (error) {
        if (performance.now() > end) throw error;
      }
    }
  }

  ask<Answer>(route: string): Promise<Answer> {
    return this.patiently(async () => (await (await fetch(`${this.ready.sandbox.control}${route}`)).json()) as Answer);
  }

  async post(route: string, body: object = {}): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    await this.patiently(() =>
      fetch(`${this.ready.sandbox.control}${route}`, { method: 'POST', body: JSON.stringify(body), headers }),
    );
  }

  async forgetFaults(): Promise<void> {
    await this.patiently(() => fetch(`${this.ready.sandbox.control}/faults`, { method: 'DELETE' }));
  }

  traffic(): Promise<readonly TrafficShown[]> {
    return this.ask('/traffic');
  }

  keys(vendor?: string): Promise<readonly KeyShown[]> {
    return this.ask(vendor === undefined ? '/keys' : `/keys?vendor=${vendor}`);
  }

  async stop(): Promise<void> {
    this.#process?.kill('SIGTERM');
    await this.#gone();
    rmSync(path.dirname(this.home), { recursive: true, force: true });
  }
}
