/**
 * Somebody takes our tasks from Temporal's queues, and answers, fails, spoils or never answers
 * them; or stops what runs with Temporal's own tools. When that one has gone, rotations complete,
 * and vendors and ledger have seen nothing of it.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Attacker, forged, garbage } from '../support/attacker.js';
import { expectOverlapConverged, strangersOf } from '../support/converged.js';
import { Lane } from '../support/lane.js';
import { say } from '../support/moments.js';

const agents = 'datadog/agents' as const;
const workflow = `rotation/${agents}`;

let lane: Lane;
let attacker: Attacker;
beforeAll(async () => {
  lane = await Lane.start(['datadog', 'soar', 'algolia']);
  attacker = new Attacker(lane);
});
afterAll(() => lane?.stop());
afterEach(async () => {
  for (const credential of [agents, 'soar/enrichment', 'algolia/search', 'algolia/indexing'])
    await lane.client.workflow
      .getHandle(`rotation/${credential}`)
      .terminate('the case is over')
      .catch(() => undefined);
});

/** A case begins with one worker, for all queues. */
beforeEach(async () => {
  await stopWorkers();
  await lane.startWorker();
});

async function stopWorkers(): Promise<void> {
  const running = lane.workers.splice(0);
  await Promise.all(
    running.map(async (worker) => {
      const ended = once(worker, 'exit');
      worker.kill('SIGKILL');
      await ended;
    }),
  );
}

/** The requests that changed something, and the steps that were done. */
async function seen(): Promise<object> {
  const requests = await lane.ask<{ method: string; path: string; from: string }[]>('GET', '/requests?vendor=datadog');
  const told = requests.filter(({ method, from }) => from === 'rekey' && method !== 'GET');
  const { rows } = await lane.database.query('select key from steps where outcome is not null order by key');
  return { told: told.map(({ method }) => method).sort(), steps: rows };
}

/** The answers of activities in a history, as they were on the wire. */
async function answersOf(runId: string): Promise<ReadonlyMap<string, Parameters<Attacker['answer']>[1]>> {
  const events = await attacker.history(workflow, runId);
  const names = new Map(
    events.flatMap((e) => {
      const scheduled = e.activityTaskScheduledEventAttributes;
      return scheduled ? [[`${e.eventId}`, scheduled.activityType!.name!] as const] : [];
    }),
  );
  return new Map(
    events.flatMap((e) => {
      const done = e.activityTaskCompletedEventAttributes;
      return done ? [[names.get(`${done.scheduledEventId}`)!, done.result!.payloads!] as const] : [];
    }),
  );
}

const failure = (type: string) => ({
  message: 'as somebody has it',
  applicationFailureInfo: { type, nonRetryable: true, details: { payloads: [garbage] } },
});

describe('a task of an activity that somebody else takes', () => {
  it('is answered, failed, cancelled or held for nothing, at the store and at the host', async () => {
    await lane.fresh([agents]);
    const { firstExecutionRunId } = await lane.rotate(agents);
    await lane.settled(agents);
    const earlier = await answersOf(firstExecutionRunId);
    await lane.fresh([agents]);
    await lane.rotate(agents);
    await lane.settled(agents);
    const undisturbed = await seen();

    await lane.fresh([agents]);
    const strangers = await strangersOf(lane);
    await stopWorkers();
    await lane.startWorker(['rekey']);
    await lane.rotate(agents);
    const acts: ((...[task, self]: Parameters<Parameters<Attacker['takeActivities']>[2]>) => Promise<unknown>)[] = [
      (task, self) => self.answer(task, [forged({ findings: [], identity: 'x', usedBy: null, disables: false })]),
      (task, self) => self.answer(task, [forged({ kind: 'answer', of: task.activityType!.name, nonce: randomUUID(), body: {} })]),
      (task, self) => self.answer(task, []),
      (task, self) => self.answer(task, [garbage]),
      (task, self) => self.answer(task, earlier.get(task.activityType!.name!) ?? []),
      (task, self) => self.answer(task, task.input!.payloads!),
      (task, self) => self.fail(task, failure('KR_GUARD_REFUSED')),
      (task, self) => self.fail(task, { message: 'odd', childWorkflowExecutionFailureInfo: {} }),
      (task, self) => self.cancel(task),
      (task, self) => self.beat(task, [garbage]),
    ];
    const take = async (queue: string, some: typeof acts) => {
      for (const act of some) expect(await attacker.takeActivities(queue, 1, act)).toHaveLength(1);
    };
    await take('store.datadog', acts);
    await stopWorkers();
    await lane.startWorker(['rekey', 'store.datadog']);
    // A call that is made again waits a little longer each time.
    await take('host.machines', acts.slice(-5));
    await lane.startWorker();
    // It was reported meanwhile that it does not get on, which is for a person.
    await lane.until('its end', async () => (await lane.rotation(agents))?.outcome);
    await expectOverlapConverged(lane, (await lane.rotation(agents))!, strangers);
    expect(await seen()).toEqual(undisturbed);
  });
});

describe('what was stopped in Temporal', () => {
  it('goes on: a schedule, a held activity, a spoiled task, an id that is taken', async () => {
    await lane.fresh([agents, 'soar/enrichment', 'algolia/search', 'algolia/indexing'], (text) =>
      text.replace('grace: 2s', 'grace: 2s, approve: [start]'),
    );
    const strangers = await strangersOf(lane);
    // A task that somebody answers with a timer that no code of ours begins.
    await lane.rotate(agents);
    await lane.until('the gate', async () => (await lane.rotation(agents))?.waits_for?.person);
    await stopWorkers();
    await attacker.signal(workflow, []);
    await attacker.spoilWorkflowTask(workflow);

    // An activity that fails and asks for a pause of a year, before anything was changed.
    await lane.startWorker(['rekey']);
    await lane.rotate('soar/enrichment');
    const { message, applicationFailureInfo } = failure('KR_STILL_USED');
    const putOff = { ...applicationFailureInfo, nonRetryable: false, nextRetryDelay: { seconds: 31_536_000 as never } };
    const fail = (task: Parameters<Attacker['fail']>[0]) => attacker.fail(task, { message, applicationFailureInfo: putOff });
    expect(await attacker.takeActivities('store.soar', 1, fail)).toHaveLength(1);

    // One that was paused.
    await lane.rotate('algolia/search');
    await attacker.pause('rotation/algolia/search', 'preflightStore');

    // The id of a run that is open.
    await lane.rotate('algolia/indexing');
    await lane.until('it to be open', () => lane.rotation('algolia/indexing'));
    await lane.client.workflow.getHandle('rotation/algolia/indexing').terminate('somebody');
    await lane.client.workflow.start('rotateOverlap', {
      workflowId: 'rotation/algolia/indexing',
      taskQueue: 'of-somebody',
      args: [],
    });
    // And of one that is asked for later.
    await lane.client.workflow.start('somebody', { workflowId: 'rotation/datadog/later', taskQueue: 'rekey', args: [] });
    await lane.client.schedule.getHandle('rekey-sweep').pause('somebody');
    await lane.client.schedule.getHandle('rekey-due').delete();

    await lane.startWorker();
    for (const credential of ['soar/enrichment', 'algolia/search', 'algolia/indexing']) {
      await lane.until('the gate', async () => (await lane.rotation(credential))?.waits_for?.person);
      await say(lane, credential, 'approve');
      expect(await lane.settled(credential)).toMatchObject({ outcome: 'completed' });
    }
    await lane.until(
      'the spoiled task to be given up',
      async () =>
        (await lane.database.query(`select 1 from audit_events where kind = 'interference' and credential = $1`, [agents]))
          .rowCount,
    );
    await lane.until('its gate to be heard', () => say(lane, agents, 'approve').catch(() => null), 500);
    await expectOverlapConverged(lane, await lane.settled(agents), strangers);
    expect((await lane.client.schedule.getHandle('rekey-due').describe()).state.paused).toBe(false);
    expect(await attacker.outcomeOf('rotation/datadog/later')).toBe('TERMINATED');
  });
});
