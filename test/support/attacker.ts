/**
 * Owns somebody who reaches Temporal and has none of our keys: sends what was captured or made up,
 * and takes tasks that are ours.
 */
import { randomUUID } from 'node:crypto';
import { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { type Lane, sleep } from './lane.js';

type Payload = proto.temporal.api.common.v1.IPayload;
type Task = proto.temporal.api.workflowservice.v1.IPollActivityTaskQueueResponse;

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** As anybody's SDK would send it. */
export const forged = (value: unknown): Payload => ({
  metadata: { encoding: text('json/plain') },
  data: text(JSON.stringify(value)),
});

export const garbage: Payload = {
  metadata: { encoding: text('binary/rekey-v1'), key: text('../../etc') },
  data: text('\0garbage'),
};

export class Attacker {
  readonly #service;
  readonly #namespace;
  readonly #bare;

  constructor(lane: Lane) {
    this.#service = lane.client.workflowService;
    this.#namespace = lane.namespace;
    this.#bare = new Client({ connection: lane.client.connection, namespace: lane.namespace });
  }

  async start(workflowId: string, workflow: string, payloads: readonly Payload[]): Promise<string> {
    const started = await this.#service.startWorkflowExecution({
      namespace: this.#namespace,
      workflowId,
      workflowType: { name: workflow },
      taskQueue: { name: 'rekey' },
      requestId: randomUUID(),
      identity: 'attacker',
      input: { payloads: [...payloads] },
    });
    return started.runId!;
  }

  /** What became of it, in a word. */
  async outcomeOf(workflowId: string, runId?: string): Promise<string> {
    const handle = this.#bare.workflow.getHandle(workflowId, runId);
    await handle.result().catch(() => undefined);
    return (await handle.describe()).status.name;
  }

  /** Why an update was not taken; null where it was. */
  async update(
    workflowId: string,
    name: string,
    payloads: readonly Payload[],
    updateId: string = randomUUID(),
  ): Promise<string | null> {
    const answer = await this.#service.updateWorkflowExecution({
      namespace: this.#namespace,
      workflowExecution: { workflowId },
      waitPolicy: {
        lifecycleStage:
          proto.temporal.api.enums.v1.UpdateWorkflowExecutionLifecycleStage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED,
      },
      request: { meta: { updateId, identity: 'attacker' }, input: { name, args: { payloads: [...payloads] } } },
    });
    return answer.outcome?.failure?.applicationFailureInfo?.type ?? (answer.outcome?.failure ? 'unknown' : null);
  }

  async signal(workflowId: string, payloads: readonly Payload[]): Promise<void> {
    await this.#service.signalWorkflowExecution({
      namespace: this.#namespace,
      workflowExecution: { workflowId },
      signalName: 'approve',
      identity: 'attacker',
      requestId: randomUUID(),
      input: { payloads: [...payloads] },
    });
  }

  /** The raw answer, or why there is none. */
  async query(workflowId: string, queryType: string, payloads: readonly Payload[]): Promise<string> {
    try {
      const { queryResult } = await this.#service.queryWorkflow({
        namespace: this.#namespace,
        execution: { workflowId },
        query: { queryType, queryArgs: { payloads: [...payloads] } },
      });
      return (queryResult?.payloads ?? []).map(({ data }) => Buffer.from(data ?? []).toString('latin1')).join();
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** The history as it is on the wire. */
  async history(workflowId: string, runId?: string): Promise<readonly proto.temporal.api.history.v1.IHistoryEvent[]> {
    const { history } = await this.#service.getWorkflowExecutionHistory({
      namespace: this.#namespace,
      execution: { workflowId, ...(runId ? { runId } : {}) },
    });
    return history?.events ?? [];
  }

  /** Takes so many of the activity tasks of a queue, and does to each what it is told. */
  async takeActivities(
    queue: string,
    times: number,
    act: (task: Task, self: this) => Promise<unknown>,
  ): Promise<readonly string[]> {
    const taken: string[] = [];
    for (let tries = 0; taken.length < times && tries < 10 * times; tries++) {
      const task = await this.#patiently(() =>
        this.#service.pollActivityTaskQueue({ namespace: this.#namespace, taskQueue: { name: queue }, identity: 'attacker' }),
      );
      if (!task.taskToken || task.taskToken.length === 0) continue;
      taken.push(task.activityType!.name!);
      await act(task, this).catch(() => undefined);
    }
    return taken;
  }

  /** A poll needs a deadline of its own. */
  #patiently<Result>(poll: () => Promise<Result>): Promise<Result> {
    return this.#bare.withDeadline(Date.now() + 60_000, poll);
  }

  answer({ taskToken }: Task, payloads: readonly Payload[]): Promise<unknown> {
    return this.#service.respondActivityTaskCompleted({
      namespace: this.#namespace,
      taskToken: taskToken!,
      identity: 'attacker',
      result: { payloads: [...payloads] },
    });
  }

  fail({ taskToken }: Task, failure: proto.temporal.api.failure.v1.IFailure): Promise<unknown> {
    return this.#service.respondActivityTaskFailed({
      namespace: this.#namespace,
      taskToken: taskToken!,
      identity: 'attacker',
      failure,
    });
  }

  cancel({ taskToken }: Task): Promise<unknown> {
    return this.#service.respondActivityTaskCanceled({ namespace: this.#namespace, taskToken: taskToken!, identity: 'attacker' });
  }

  /** As soon as there is such an activity. */
  async pause(workflowId: string, type: string): Promise<void> {
    for (let left = 100; ; left--) {
      try {
        await this.#service.pauseActivity({ namespace: this.#namespace, execution: { workflowId }, type, identity: 'attacker' });
        return;
      } catch (error) {
        if (left === 0) throw error;
        await sleep(100);
      }
    }
  }

  beat({ taskToken }: Task, payloads: readonly Payload[]): Promise<unknown> {
    return this.#service.recordActivityTaskHeartbeat({
      namespace: this.#namespace,
      taskToken: taskToken!,
      identity: 'attacker',
      details: { payloads: [...payloads] },
    });
  }

  /**
   * Takes the workflow's next task, and begins a timer that none of ours does. What else comes,
   * such as a schedule's, is left to whoever takes it after its time-out.
   */
  async spoilWorkflowTask(workflowId: string): Promise<void> {
    for (;;) {
      const task = await this.#patiently(() =>
        this.#service.pollWorkflowTaskQueue({ namespace: this.#namespace, taskQueue: { name: 'rekey' }, identity: 'attacker' }),
      );
      if (task.workflowExecution?.workflowId !== workflowId) continue;
      await this.#service.respondWorkflowTaskCompleted({
        namespace: this.#namespace,
        taskToken: task.taskToken,
        identity: 'attacker',
        commands: [
          {
            commandType: proto.temporal.api.enums.v1.CommandType.COMMAND_TYPE_START_TIMER,
            startTimerCommandAttributes: { timerId: 'of-somebody', startToFireTimeout: { seconds: 1 as never } },
          },
        ],
      });
      return;
    }
  }
}
