/** Owns a lane: an installation of its own on the shared servers, with sandbox and workers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  Client,
  Connection,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowHandleWithFirstExecutionRunId,
} from '@temporalio/client';
import { inject } from 'vitest';
import { connectors } from '../../activities/configuration/connectors.js';
import { loadModules } from '../../activities/configuration/modules.js';
import { parseConfiguration } from '../../activities/configuration/parse.js';
import type { Database } from '../../activities/postgres/pool.js';
import { dataConverter } from '../../client/codec.js';
import { executeWorkflow, startWorkflow } from '../../client/messages.js';
import { type ApplyReport, mainQueue, type RunOrder, rotationWorkflowId, workflowOf } from '../../workflows/contract.js';
import type { RunOptions } from '../../workflows/domain/credential.js';
import { cloneDatabase, type TestDatabase } from './database.js';
import { registerNamespace } from './namespace.js';
import { byDoor, declaring, programsOf, type SandboxCredential } from './programs.js';
import type { KeyShown, RunShown, TrafficShown } from './shown.js';
import { tester } from './who.js';

const dist = path.resolve(import.meta.dirname, '../../dist');

/**
 * How many times slower than usual the programs work. Their requests would fill the machine and
 * leave less of it to the rotations; every key is still tried several times a second.
 */
export const pace = 4;

export type { KeyShown, RunShown, TrafficShown } from './shown.js';

/**
 * Milliseconds after which nothing that a test waits for will come any more, on the slowest
 * machine. It is no measure of anything.
 */
export const hang = 240_000;

/** What is made of the sandbox's own rekey.yaml before it is applied. */
export type Edit = (text: string) => string | Promise<string>;

export class Lane {
  readonly workers: ChildProcess[] = [];
  readonly logs: string[] = [];
  control = '';
  config = '';
  vendors: readonly string[] = [];
  #sandbox: ChildProcess | null = null;
  #credentials: readonly SandboxCredential[] | null = null;
  #programs: readonly string[] | null = null;

  private constructor(
    readonly folder: string,
    readonly namespace: string,
    readonly databaseUrl: string,
    readonly database: Database,
    readonly client: Client,
    readonly keysFolder: string,
    private readonly closeConnection: () => Promise<void>,
  ) {}

  /** Nothing is declared in it, and no program runs, before `fresh`. */
  static async start(vendors: readonly string[] = ['datadog', 'soar']): Promise<Lane> {
    const lane = await Lane.#open();
    await Promise.all([vendors.length > 0 && lane.#startSandbox(vendors, '--idle'), lane.startWorker()]);
    return lane;
  }

  /** A second installation on the accounts and programs of another one. */
  static async beside(other: Lane): Promise<Lane> {
    const lane = await Lane.#open();
    lane.control = other.control;
    lane.config = other.config;
    await lane.startWorker();
    return lane;
  }

  /**
   * An installation that stood elsewhere: `restore` puts its keys, ledger and sandbox back; its
   * workflows are gone.
   */
  static async restored(
    vendors: readonly string[],
    restore: (folder: string) => Promise<TestDatabase & { readonly keys: string }>,
  ): Promise<Lane> {
    const lane = await Lane.#open(restore);
    await Promise.all([lane.#startSandbox(vendors), lane.startWorker()]);
    return lane;
  }

  static async #open(
    prepare: (folder: string) => Promise<TestDatabase & { readonly keys: string }> = async () => ({
      ...(await cloneDatabase()),
      keys: inject('servers').keys,
    }),
  ): Promise<Lane> {
    const { temporal } = inject('servers');
    const folder = mkdtempSync(path.join(os.tmpdir(), 'rekey-lane-'));
    chmodSync(folder, 0o755);
    const { url, database, keys } = await prepare(folder);
    const connection = await Connection.connect({ address: temporal });
    const namespace = await registerNamespace(connection);
    const client = new Client({ connection, namespace, dataConverter: dataConverter(keys) });
    return new Lane(folder, namespace, url, database, client, keys, () => connection.close());
  }

  async stop(): Promise<void> {
    for (const child of [...this.workers, this.#sandbox]) {
      if (!child || child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await Promise.race([ended, sleep(5_000).then(() => child.kill('SIGKILL'))]);
    }
    await this.database.end();
    await this.closeConnection();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /**
   * Fresh vendor accounts, and a ledger that has just adopted the keys of these credentials: they
   * alone are declared, and only their programs run. All of the sandbox's where none are named.
   */
  async fresh(
    credentials: readonly SandboxCredential[] | null = null,
    edit?: Edit,
    programs = credentials && programsOf(...credentials),
  ): Promise<void> {
    await this.ask('POST', '/reset', { programs });
    this.#programs = programs;
    await this.adoptAnew(credentials, edit);
  }

  /** The same with the accounts and programs as they are. */
  async adoptAnew(credentials: readonly SandboxCredential[] | null = null, edit?: Edit): Promise<void> {
    await this.forget();
    this.#credentials = credentials;
    await this.apply(edit);
  }

  /**
   * An empty ledger. What an earlier case left open is ended: it must not go on beside the next
   * one.
   */
  async forget(): Promise<void> {
    // A workflow ends a moment after its run.
    const known = await this.database.query<{ credential: string }>('select name as credential from credentials');
    for (const { credential } of known.rows)
      await this.client.workflow
        .getHandle(rotationWorkflowId(credential))
        .terminate('the case is over')
        .catch(() => undefined);
    await this.database.query(
      'truncate orders, incident_items, incidents, outbox, audit_events, verbs, waits, leases, observations, intents, steps, runs, versions, vault_secrets, credentials, configurations cascade',
    );
  }

  async apply(edit: Edit = (text) => text): Promise<ApplyReport> {
    const text = await edit(existsSync(this.config) ? this.declared() : '');
    const modules = await loadModules(text, path.dirname(this.config));
    const parsed = parseConfiguration(text, this.config, connectors, modules);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    const { configuration, hash } = parsed;
    const order = { id: randomUUID(), configuration, hash, by: tester };
    const report = await executeWorkflow<ApplyReport>(this.client, 'applyConfiguration', order, {
      workflowId: 'apply',
      taskQueue: mainQueue,
    });
    const failed = report.adoptions.filter((a) => a.error);
    if (failed.length > 0) throw new Error(JSON.stringify(failed));
    return report;
  }

  /** The sandbox's own rekey.yaml, with the credentials of this case. */
  declared(): string {
    const text = byDoor(readFileSync(this.config, 'utf8'));
    return this.#credentials ? declaring(text, this.#credentials) : text;
  }

  async rotate(credential: string, options: RunOptions = { without: [] }): Promise<WorkflowHandleWithFirstExecutionRunId> {
    const { rows } = await this.database.query<{ strategy: 'overlap' | 'in-place' }>(
      'select strategy from credentials where name = $1',
      [credential],
    );
    const order: RunOrder = { id: randomUUID(), credential, options, by: tester };
    const start = () =>
      startWorkflow(this.client, workflowOf[rows[0]!.strategy], order, {
        workflowId: rotationWorkflowId(credential),
        taskQueue: mainQueue,
        workflowTaskTimeout: '2s',
      });
    // The one before it ends a moment after its run.
    return this.until(`the workflow of ${credential} to end`, () =>
      start().catch(async (error: unknown) => {
        const ends = error instanceof WorkflowExecutionAlreadyStartedError && (await this.rotation(credential))?.outcome !== null;
        if (!ends) throw error;
        return null;
      }),
    );
  }

  async rotation(credential: string): Promise<RunShown | undefined> {
    return (
      await this.database.query<RunShown>('select * from run_status where credential = $1 order by opened_at desc limit 1', [
        credential,
      ])
    ).rows[0];
  }

  /** Waits until the newest rotation of the credential has an outcome, or needs a person. */
  async settled(credential: string): Promise<RunShown> {
    return this.until(
      `${credential} to end`,
      async () => {
        const rotation = await this.rotation(credential);
        return rotation?.outcome || rotation?.waits_for?.person ? rotation : undefined;
      },
      200,
    );
  }

  /**
   * Waits until `look`, every so many milliseconds, finds something; throws, with what is open,
   * when it must be a hang.
   */
  async until<Found>(what: string, look: () => Promise<Found | null | undefined | false | 0>, every = 50): Promise<Found> {
    for (const end = performance.now() + hang; performance.now() < end; await sleep(every)) {
      const found = await look();
      if (found) return found;
    }
    throw new Error(`waited ${hang / 1000} s for ${what}; ${await this.whatIsOpen()}`);
  }

  /** For the message of a test that waits in vain. */
  async whatIsOpen(): Promise<string> {
    const rotations = await this.database.query<{ id: string }>(
      'select id, phase, direction, outcome, waits_for, reason from run_status where outcome is null',
    );
    const pending = await Promise.all(
      rotations.rows.map(async (row) => {
        const { raw } = await this.client.workflow.getHandle(rotationWorkflowId(row.id.split('#')[0]!)).describe();
        return raw.pendingActivities?.map(
          (a) => `${a.activityType?.name} attempt ${a.attempt}: ${a.lastFailure?.applicationFailureInfo?.type ?? ''}`,
        );
      }),
    );
    return `open: ${JSON.stringify(rotations.rows)}; pending: ${JSON.stringify(pending)}; worker: ${this.logs.slice(-5).join(' ')}`;
  }

  async ask<Answer>(method: string, route: string, body?: object): Promise<Answer> {
    const response = await fetch(`${this.control}${route}`, {
      method,
      ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${text}`);
    return (text ? JSON.parse(text) : null) as Answer;
  }

  keys(vendor?: string): Promise<readonly KeyShown[]> {
    return this.ask('GET', vendor === undefined ? '/keys' : `/keys?vendor=${vendor}`);
  }

  /** Of the programs that run. */
  async traffic(): Promise<readonly TrafficShown[]> {
    const rows = await this.ask<readonly TrafficShown[]>('GET', '/traffic');
    return rows.filter(({ app }) => this.#programs?.includes(app) ?? true);
  }

  /** In which its programs run: the worker, and the command line. */
  get environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      DATABASE_URL: this.databaseUrl,
      TEMPORAL_ADDRESS: inject('servers').temporal,
      TEMPORAL_NAMESPACE: this.namespace,
      REKEY_KEYS: this.keysFolder,
      REKEY_HOME: this.folder,
      REKEY_POWERS: 'exec,module,file',
    };
  }

  /** One for all queues, or for those that are named. */
  async startWorker(queues: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): Promise<ChildProcess> {
    const program = path.join(dist, 'worker/commands/worker.js');
    const worker = spawn(process.execPath, [program, ...queues.flatMap((queue) => ['--queue', queue])], {
      env: { ...this.environment, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.workers.push(worker);
    worker.stderr.setEncoding('utf8').on('data', (text: string) => this.logs.push(text));
    await firstLine(worker);
    return worker;
  }

  /** A supervisor in small: a worker that was killed is replaced at once, until told to stop. */
  keepWorkerAlive(): () => void {
    let on = true;
    const watch = (worker: ChildProcess): void =>
      void worker.once('exit', () => on && void this.startWorker().then(watch, () => undefined));
    watch(this.workers.at(-1)!);
    return () => {
      on = false;
    };
  }

  async #startSandbox(vendors: readonly string[], ...options: readonly string[]): Promise<void> {
    this.vendors = vendors;
    const home = path.join(this.folder, 'sandbox');
    this.#sandbox = spawn(
      process.execPath,
      [
        path.join(dist, 'sandbox/main.js'),
        '--home',
        home,
        '--vendors',
        vendors.join(','),
        '--pace',
        String(pace),
        '--json',
        ...options,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const ready = JSON.parse(await firstLine(this.#sandbox)) as { control: string; config: string };
    this.control = ready.control;
    this.config = ready.config;
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The first line of a child's standard output; why it ended, where it did before. */
export function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (part: string) => (said += part));
    child.stdout!.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
    });
    child.once('exit', (code) => reject(new Error(`it ended with ${code} before it was ready: ${text}${said}`)));
  });
}
