/**
 * Asking for a rotation: who asks for the same joins the one that is open, and who asks for
 * something else is refused without a trace.
 */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { executeUpdateWithStart } from '../../client/messages.js';
import { type JoinReceipt, joinUpdate, mainQueue, type RunOrder, rotationWorkflowId } from '../../workflows/contract.js';
import type { RunOptions } from '../../workflows/domain/credential.js';
import { tester } from '../support/who.js';
import { useStage } from './fakes/stage.js';
import type { World } from './fakes/world.js';

const stage = useStage();
const one = { programs: ['east/web-1'] } as const;
const other: RunOptions = { without: [{ consumer: 'web-1', reason: 'a test' }] };

/** Starts the rotation, or joins the one that runs. */
function ask(world: World, options: RunOptions = world.options): Promise<JoinReceipt> {
  const workflowId = rotationWorkflowId(world.credential);
  const order: RunOrder = { id: randomUUID(), credential: world.credential, options, by: tester };
  return executeUpdateWithStart(
    world.client,
    joinUpdate,
    { options },
    { of: 'rotateOverlap', id: order.id, body: order },
    // What comes while it waits for its books is heard before this is over.
    { workflowId, taskQueue: mainQueue, workflowTaskTimeout: '3s' },
  );
}

/** The world waits for its end. */
const attach = (world: World) => world.attach(world.client.workflow.getHandle(rotationWorkflowId(world.credential)));

describe.concurrent('who asks for a rotation', () => {
  it('is told its name as soon as it is open', async () => {
    const world = stage.world(one);
    const held = world.script.holds('openRun');
    let isAnswered = false;
    const asked = ask(world).finally(() => {
      isAnswered = true;
    });
    await world.script.until(() => held.isReached);
    expect(isAnswered).toBe(false);
    held.release();
    expect((await asked).run).toBe(`${world.credential}#2`);
    attach(world);
    expect(await world.ended()).toMatchObject({ run: `${world.credential}#2`, outcome: 'completed' });
  });

  it('joins the one that is open and has the same options, in whatever order they were written', async () => {
    const world = stage.world({ ...one, options: { outsideWindow: true } });
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.reached(held);
    expect(await ask(world, { outsideWindow: true, without: [] })).toEqual({ run: `${world.credential}#2`, phase: 'draining' });
    held.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.count('openRun')).toBe(1);
  });

  it('is refused by one that has other options, which goes on; nothing is started and nothing is written', async () => {
    const world = stage.world(one);
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.reached(held);
    const before = await world.handle.describe();
    await expect(ask(world, other)).rejects.toMatchObject({
      cause: { type: 'KR_ALREADY_OPEN', message: `${world.credential}#2 is open with other options`, nonRetryable: true },
    });
    const { runId, status } = await world.client.workflow.getHandle(world.handle.workflowId).describe();
    expect([runId, status.name]).toEqual([before.runId, 'RUNNING']);
    held.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    const { events } = await world.handle.fetchHistory();
    expect(events!.filter((e) => e.workflowExecutionUpdateAcceptedEventAttributes)).toEqual([]);
    expect(world.count('openRun')).toBe(1);
  });

  it('is refused before it is open, too, where somebody was faster and asked for something else', async () => {
    const world = stage.world(one);
    const held = world.script.holds('openRun');
    const first = ask(world);
    await world.script.until(() => held.isReached);
    await expect(ask(world, other)).rejects.toMatchObject({
      cause: { type: 'KR_ALREADY_OPEN', message: `a rotation of ${world.credential} is open with other options` },
    });
    held.release();
    expect((await first).run).toBe(`${world.credential}#2`);
    attach(world);
    await world.ended();
    expect(world.count('openRun')).toBe(1);
  });

  it('hears why it cannot be opened', async () => {
    const code = 'KR_NOT_FOUND';
    const world = stage.world(one);
    // A busy machine may lose the task, and ask again.
    world.script.fails('openRun', code, { times: 9 });
    await expect(ask(world)).rejects.toMatchObject({ cause: { type: code, message: 'as the test has it' } });
    const handle = world.client.workflow.getHandle(rotationWorkflowId(world.credential));
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: code, message: 'as the test has it' } });
    expect(new Set(world.script.log.map((e) => `${e.label}: ${e.how}`))).toEqual(new Set([`openRun: ${code}`]));
  });
});
