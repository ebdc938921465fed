/**
 * Owns the stage of one test file: its namespace, workers with today's workflows on fake
 * activities, and a world for each case.
 */
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import {
  DefaultLogger,
  makeTelemetryFilterString,
  NativeConnection,
  Runtime,
  Worker,
  type WorkerOptions,
} from '@temporalio/worker';
import { afterAll, beforeAll, expect, inject } from 'vitest';
import { callsOnly } from '../../../activities/boundary.js';
import { hostQueue, mainQueue, rotationWorkflowId, storeQueue } from '../../../workflows/contract.js';
import { namespaceOf } from '../../support/temporal.js';
import { bookkeepingActivities, hostActivities, ledgerActivities, storeActivities } from './activities.js';
import { type Setting, World } from './world.js';

const root = path.resolve(import.meta.dirname, '../../..');
const workflowBundle = { codePath: path.join(root, 'dist/worker/workflow-bundle.js') };
const dataConverter = { failureConverterPath: path.join(root, 'client/failure-converter.cjs') };

/** Failures are what many cases are about: none of them is worth a line. */
Runtime.install({
  logger: new DefaultLogger('ERROR', () => undefined),
  telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }), forward: {} } },
});

export interface Stage {
  /**
   * A world for one case; its rotation has the only workflow that asks it, unless others are named.
   */
  world(setting?: Setting): World;
  /** Lets another workflow ask the same world. */
  serve(workflowId: string, world: World): void;
}

/** Call it once in a file, at its top. */
export function useStage(): Stage {
  const worlds = new Map<string, World>();
  const find = (workflowId: string): World => {
    const world = worlds.get(workflowId);
    if (!world) throw new Error(`no case has a workflow ${workflowId}`);
    return world;
  };
  let client: Client;
  let close: () => Promise<void> = async () => undefined;

  beforeAll(async () => {
    const address = inject('temporal');
    const namespace = namespaceOf(expect.getState().testPath!);
    const [connection, native] = await Promise.all([Connection.connect({ address }), NativeConnection.connect({ address })]);
    client = new Client({ connection, namespace, dataConverter });
    const serve = (taskQueue: string, options: Partial<WorkerOptions>) =>
      Worker.create({
        connection: native,
        namespace,
        taskQueue,
        dataConverter,
        interceptors: { activity: [callsOnly] },
        maxHeartbeatThrottleInterval: '500 ms',
        defaultHeartbeatThrottleInterval: '500 ms',
        shutdownForceTime: '1 second',
        maxConcurrentActivityTaskPolls: 3,
        maxConcurrentWorkflowTaskPolls: 3,
        ...options,
      });
    const workers = await Promise.all([
      serve(mainQueue, {
        workflowBundle,
        activities: { ...ledgerActivities(find), ...bookkeepingActivities(find) },
        workflowThreadPoolSize: 1,
      }),
      serve(storeQueue('vendor'), { activities: storeActivities(find) }),
      serve(hostQueue('east'), { activities: hostActivities(find) }),
      serve(hostQueue('west'), { activities: hostActivities(find) }),
    ]);
    const running = workers.map((worker) => worker.run());
    close = async () => {
      for (const { script } of worlds.values()) script.releaseAll();
      for (const worker of workers) worker.shutdown();
      await Promise.allSettled(running);
      await Promise.all([connection.close(), native.close()]);
    };
  });
  afterAll(() => close());

  return {
    world(setting = {}) {
      const credential = `case-${worlds.size + 1}`;
      const world = new World(client, credential, setting);
      worlds.set(rotationWorkflowId(credential), world);
      return world;
    },
    serve: (workflowId, world) => void worlds.set(workflowId, world),
  };
}
