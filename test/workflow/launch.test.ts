/**
 * What rekey starts by itself, and what applying a configuration starts: under the one id of each
 * credential, and only while it is still called for.
 */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { executeWorkflow } from '../../client/messages.js';
import type { ApplyReport } from '../../workflows/contract.js';
import { mainQueue, rotationWorkflowId } from '../../workflows/contract.js';
import type { Envelope } from '../../workflows/domain/envelope.js';
import { schedule, system } from '../../workflows/domain/who.js';
import { tester } from '../support/who.js';
import { useStage } from './fakes/stage.js';
import type { World } from './fakes/world.js';

const stage = useStage();
const one = { programs: ['east/web-1'] } as const;
const update = { without: [], update: { change: { kind: 'declared' }, accepted: false } } as const;

/** A workflow that is no rotation, asking a world of its own. */
function execute<Result>(workflow: string, world: World, input: object): Promise<Result> {
  const workflowId = `${workflow}/${world.credential}`;
  stage.serve(workflowId, world);
  return executeWorkflow(world.client, workflow, input, { workflowId, taskQueue: mainQueue });
}

/** As a schedule does: with nothing, for nothing. */
async function fire(workflow: string, world: World): Promise<void> {
  const workflowId = `${workflow}/${world.credential}`;
  stage.serve(workflowId, world);
  expect(await world.client.workflow.execute(workflow, { workflowId, taskQueue: mainQueue })).toBeUndefined();
}

const orderOf = ({ credential, options }: World, sequence = 'overlap') => ({ credential, sequence, options });

async function ended(world: World): Promise<unknown> {
  const answer = (await world.client.workflow.getHandle(rotationWorkflowId(world.credential)).result()) as Envelope;
  return answer.body;
}

describe.concurrent('what is due', () => {
  it('is started under its id, by the schedule and only while it is due; what runs already is left alone', async () => {
    const [due, running, planner] = [stage.world(one), stage.world(one), stage.world(one)];
    const held = running.script.holds('drain 1');
    await running.begin();
    await running.reached(held);
    planner.script.answers('dueRotations', [orderOf(due), orderOf(running)]);
    await fire('startDueRotations', planner);
    held.release();
    expect(await ended(due)).toMatchObject({ outcome: 'completed' });
    expect(due.last('openRun').input).toMatchObject({ by: schedule, onlyIf: 'due' });
    expect(await running.ended()).toMatchObject({ outcome: 'completed' });
    expect(running.count('openRun')).toBe(1);
  });
});

describe.concurrent('the sweep', () => {
  it('starts each kind of rotation that is open and runs no more, with the options that it was opened with', async () => {
    const [gone, changed, sweep] = [
      stage.world({ ...one, strategy: 'in-place' }),
      stage.world({ options: update }),
      stage.world(one),
    ];
    for (const [world, label] of [
      [gone, 'awaitStopped east'],
      [changed, 'planUpdate'],
    ] as const) {
      const held = world.script.holds(label);
      await world.begin();
      await world.reached(held);
      await world.handle.terminate('a test');
    }
    sweep.script.answers('lostRuns', [orderOf(gone, 'in-place'), orderOf(changed, 'update')]);
    await fire('sweep', sweep);
    expect(await ended(gone)).toMatchObject({ sequence: 'in-place', outcome: 'completed' });
    expect(await ended(changed)).toMatchObject({ sequence: 'update', outcome: 'completed' });
    expect(gone.last('openRun').input).toMatchObject({ by: system('sweep'), onlyIf: 'open' });
  });

  it('opens nothing where the rotation has ended meanwhile', async () => {
    const [over, sweep] = [stage.world(one), stage.world(one)];
    sweep.script.answers('lostRuns', [orderOf(over)]);
    await fire('sweep', sweep);
    await expect(ended(over)).rejects.toMatchObject({ cause: { type: 'KR_NOT_CALLED_FOR' } });
    expect(over.script.log.map((e) => e.label)).toEqual(['openRun']);
  });
});

describe.concurrent('applying a configuration', () => {
  it('saves it, adopts what it names, and begins a change of every key that is not as it is declared', async () => {
    const [world, other] = [stage.world(one), stage.world({ options: update })];
    const declared = (name: string, current: object | null, attributes = {}) => ({ name, store: 'vendor', attributes, current });
    const credentials = {
      adopted: declared('adopted', { id: 'key-1', secret: null }),
      broken: declared('broken', { id: 'key-9', secret: null }),
      [other.credential]: declared(other.credential, null, { scopes: ['read'] }),
    };
    world.script.fails('adoptVersion', 'KR_NOT_FOUND');
    const look = {
      credential: other.credential,
      generation: 1,
      key: null,
      differences: [{ what: 'scopes' }],
      widens: [],
      problem: null,
    };
    world.script.answers('compareKeys', [look]);
    const report = await execute<ApplyReport>('applyConfiguration', world, {
      id: randomUUID(),
      configuration: { credentials },
      hash: 'h',
      by: tester,
    });
    expect(report.changed).toBe(true);
    expect(report.adoptions.map(({ adopted, error }) => [adopted, error?.code ?? null]).sort()).toEqual([
      [false, 'KR_NOT_FOUND'],
      [true, null],
    ]);
    expect(report.attributes).toMatchObject([{ credential: other.credential, started: true }]);
    expect(await ended(other)).toMatchObject({ sequence: 'update', outcome: 'completed' });
    expect(world.script.log[0]!.label).toBe('saveConfiguration');
  });
});
