/**
 * Owns the workers of one process: one for workflows and books, one for each store and host, added
 * as configurations name new ones.
 */
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { callsOnly } from '../activities/boundary.js';
import {
  createHostActivities,
  createLedgerActivities,
  createLocalLedgerActivities,
  createStoreActivities,
} from '../activities/index.js';
import { dataConverter } from '../client/codec.js';
import { connectionOptions } from '../client/connection.js';
import type { Installation } from '../client/environment.js';
import { hostQueue, mainQueue, storeQueue } from '../workflows/contract.js';
import type { Composition } from './composition.js';
import { log } from './logger.js';
import { keepSchedules } from './schedules.js';
import { lookAfter } from './watchdog.js';

/** Made when rekey is built, so that a worker starts in a second. */
const workflowBundle = { codePath: fileURLToPath(new URL('./workflow-bundle.js', import.meta.url)) };
/**
 * Milliseconds between two looks at the applied configuration for queues that nobody here serves
 * yet.
 */
const lookEvery = 500;
/** Milliseconds between two looks at what runs in Temporal. */
const lookAfterEvery = 30_000;

export interface ServeOptions {
  /** Queues that this worker serves; null: all of them. */
  readonly queues: readonly string[] | null;
}

export class Serving {
  readonly #workers = new Map<string, { readonly worker: Worker; readonly ended: Promise<void> }>();
  #stopping = false;
  #failed: (error: unknown) => void = () => undefined;
  /** Rejects when one of the workers dies; it never resolves. */
  readonly broken = new Promise<never>((_, reject) => (this.#failed = reject));

  private constructor(
    private readonly connection: NativeConnection,
    private readonly installation: Installation,
    private readonly composition: Composition,
    private readonly options: ServeOptions,
  ) {}

  static async start(installation: Installation, composition: Composition, options: ServeOptions): Promise<Serving> {
    const connection = await NativeConnection.connect(connectionOptions(installation));
    const serving = new Serving(connection, installation, composition, options);
    await serving.#serveMain();
    await serving.#serveConfigured();
    if (serving.queues.includes(mainQueue)) void serving.#lookAfter();
    void serving.#watch();
    return serving;
  }

  get queues(): readonly string[] {
    return [...this.#workers.keys()];
  }

  /** Lets running activities end, within their own deadlines, then lets go of the connection. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const { worker } of this.#workers.values()) if (worker.getState() === 'RUNNING') worker.shutdown();
    await Promise.allSettled([...this.#workers.values()].map((w) => w.ended));
    await this.connection.close();
  }

  async #serveMain(): Promise<void> {
    const { deps } = this.composition;
    await this.#serve(mainQueue, {
      workflowBundle,
      activities: { ...createLocalLedgerActivities(deps), ...createLedgerActivities(deps) },
      // A dead worker's cached workflow is given to another after this; longer only helps a worker
      // that answers late.
      stickyQueueScheduleToStartTimeout: '1s',
      maxCachedWorkflows: 500,
      maxConcurrentWorkflowTaskExecutions: 40,
    });
  }

  async #serveConfigured(): Promise<void> {
    const configuration = await this.composition.connectors.configuration();
    if (!configuration) return;
    const { deps } = this.composition;
    for (const name of Object.keys(configuration.stores))
      await this.#serve(storeQueue(name), { activities: createStoreActivities(deps) });
    for (const name of Object.keys(configuration.hosts))
      await this.#serve(hostQueue(name), { activities: createHostActivities(deps) });
  }

  async #serve(taskQueue: string, options: Partial<Parameters<typeof Worker.create>[0]>): Promise<void> {
    if (this.#workers.has(taskQueue) || (this.options.queues && !this.options.queues.includes(taskQueue))) return;
    const worker = await Worker.create({
      connection: this.connection,
      namespace: this.installation.temporalNamespace,
      taskQueue,
      dataConverter: dataConverter(this.installation.keysFolder),
      interceptors: { activity: [callsOnly] },
      maxConcurrentActivityTaskExecutions: 50,
      maxHeartbeatThrottleInterval: '500 ms',
      defaultHeartbeatThrottleInterval: '500 ms',
      shutdownGraceTime: '10 seconds',
      ...options,
    });
    const ended = worker.run();
    ended.catch((error: unknown) => this.#stopping || this.#failed(error));
    this.#workers.set(taskQueue, { worker, ended });
  }

  /** A Temporal or a ledger that is away now is asked again. */
  async #lookAfter(): Promise<void> {
    const client = new Client({
      connection: this.connection,
      namespace: this.installation.temporalNamespace,
      dataConverter: dataConverter(this.installation.keysFolder),
    });
    for (let kept = false; !this.#stopping; ) {
      try {
        if (!kept) await keepSchedules(client);
        kept = true;
        await lookAfter(client, this.composition.deps.ledger);
        await pause(lookAfterEvery);
      } catch (error) {
        log.warn({ code: (error as Error).name }, 'what runs in Temporal cannot be looked after now');
        await pause(10 * lookEvery);
      }
    }
  }

  async #watch(): Promise<void> {
    while (!this.#stopping) {
      await pause(lookEvery);
      // The ledger may be away; what is served already goes on.
      await this.#serveConfigured().catch((error: Error) =>
        log.warn({ code: error.name }, 'the configuration cannot be read now'),
      );
    }
  }
}

/** It keeps no process alive. */
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, milliseconds).unref());
