/**
 * Owns `rotate`, and the start of everything that is a row among the rotations: or joins the one
 * that asks for the same, and follows it in the ledger.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { mainQueue, type RunOrder, rotationWorkflowId, workflowOf } from '../../workflows/contract.js';
import type { Exemption, RunOptions } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { canonicalJson } from '../../workflows/domain/json.js';
import { sequenceOf } from '../../workflows/domain/states.js';
import { connect } from '../connection.js';
import { findInstallation, type Installation, whoAsks } from '../environment.js';
import { LedgerView, type RunShown } from '../ledger/views.js';
import { type Answer, asRekeyError } from '../output.js';

export interface RotateOptions {
  readonly wait: boolean;
  readonly without: readonly Exemption[];
  readonly outsideWindow: boolean;
}

export function rotate(name: string, { wait, without, outsideWindow }: RotateOptions): Promise<Answer> {
  return begin(name, { without, ...(outsideWindow ? { outsideWindow } : {}) }, wait);
}

/**
 * Starts what the options ask for, a rotation or a change of the key, or joins the one that is open
 * and asks for the same.
 */
export async function begin(name: string, options: RunOptions, wait: boolean): Promise<Answer> {
  const installation = findInstallation();
  const view = await LedgerView.open(installation);
  const { client, close } = await connect(installation);
  try {
    const credential = await view.credential(name);
    const before = await view.findRotation(name);
    const order: RunOrder = { credential: name, options, by: whoAsks() };
    if (before && before.outcome === null) requireSame(before, order);
    await start(client, view, order, workflowOf[options.update ? 'update' : credential.strategy]);
    const rotation = await appeared(client, view, name, before, wait);
    if (!wait) {
      return {
        json: { ok: true, rotation: rotation.id, credential: name, phase: rotation.phase },
        text: `${rotation.id} is ${rotation.phase}`,
        next: `show '${rotation.id}'`,
      };
    }
    const ended = await follow(installation, rotation.id);
    return report(ended, await costOf(client, ended));
  } finally {
    await Promise.allSettled([view.close(), close()]);
  }
}

function requireSame(open: RunShown, order: RunOrder): void {
  if (canonicalJson(open.options as never) !== canonicalJson(order.options as never))
    throw new RekeyError('KR_ALREADY_OPEN', `${open.id} is open with other options`);
}

async function start(client: Client, view: LedgerView, order: RunOrder, workflow: string): Promise<void> {
  try {
    await client.workflow.start(workflow, {
      workflowId: rotationWorkflowId(order.credential),
      taskQueue: mainQueue,
      // The next task of a workflow whose worker just died is given to another after this.
      workflowTaskTimeout: '2s',
      staticSummary: `${order.options.update ? 'changes the key of' : 'rotates'} ${order.credential}`,
      args: [order],
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    // Somebody was faster, or it runs since long: joined when it asks for the same.
    const open = await view.findRotation(order.credential);
    if (open && open.outcome === null) requireSame(open, order);
  }
}

/**
 * The row of the run that was started: a new one, or the open one that it took over. Who waits for
 * its end waits for its beginning, too, and is told what is missing.
 */
async function appeared(
  client: Client,
  view: LedgerView,
  name: string,
  before: RunShown | null,
  wait: boolean,
): Promise<RunShown> {
  const missing = 'no worker took the rotation up in 10 s; it will begin as soon as one serves';
  let reported = false;
  for (const until = performance.now() + 10_000; wait || performance.now() < until; await pause(100)) {
    const now = await view.findRotation(name);
    if (now && (now.id !== before?.id || before.outcome === null)) return now;
    const described = await client.workflow.getHandle(rotationWorkflowId(name)).describe();
    // A run that ended without a row was refused by the ledger itself.
    if (described.status.name === 'FAILED') await client.workflow.getHandle(rotationWorkflowId(name)).result();
    if (reported || performance.now() < until) continue;
    process.stderr.write(`${missing}\n`);
    reported = true;
  }
  throw new RekeyError('KR_SERVICE_AWAY', missing);
}

/**
 * Tells every change on standard error until it has ended or needs a person; a ledger that is away
 * for a while is waited for.
 */
async function follow(installation: Installation, id: string): Promise<RunShown> {
  let view: LedgerView | null = null;
  let reported = '';
  const tell = (line: string) => {
    if (line !== reported) process.stderr.write(`${line}\n`);
    reported = line;
  };
  const finished = new Set<string>();
  for (;;) {
    try {
      view ??= await LedgerView.open(installation);
      const rotation = await view.rotation(id);
      for (const step of await view.steps(id)) {
        if (!step.done || finished.has(step.key)) continue;
        finished.add(step.key);
        tell(`${step.phase.padEnd(13)} ${step.kind}${step.subject ? ` ${step.subject}` : ''}: done`);
      }
      if (rotation.outcome) {
        await view.close();
        return rotation;
      }
      if (rotation.waits_for) tell(`${rotation.phase.padEnd(13)} waits for ${rotation.waits_for.text}`);
      if (rotation.waits_for?.person) {
        await view.close();
        return rotation;
      }
    } catch (error) {
      const fault = asRekeyError(error);
      if (fault.code !== 'KR_SERVICE_AWAY') throw fault;
      tell(`${fault.detail}; the rotation waits and goes on`);
      await view?.close().catch(() => undefined);
      view = null;
    }
    await pause(150);
  }
}

interface Cost {
  readonly activities: number | null;
  readonly historyEvents: number | null;
}

async function costOf(client: Client, rotation: RunShown): Promise<Cost> {
  try {
    const handle = client.workflow.getHandle(rotationWorkflowId(rotation.credential), rotation.workflow_run);
    // The ledger closes a moment before the workflow does.
    if (rotation.outcome) await Promise.race([handle.result().catch(() => undefined), pause(3_000)]);
    const events = (await handle.fetchHistory()).events ?? [];
    return { activities: events.filter((e) => e.activityTaskScheduledEventAttributes).length, historyEvents: events.length };
  } catch {
    return { activities: null, historyEvents: null };
  }
}

function report(rotation: RunShown, cost: Cost): Answer {
  const seconds = Math.round(Number(rotation.seconds) * 10) / 10;
  const json = {
    rotation: rotation.id,
    credential: rotation.credential,
    strategy: sequenceOf(rotation),
    phase: rotation.phase,
    outcome: rotation.outcome,
    generation: rotation.generation ?? rotation.previous_generation,
    seconds,
    downtimeMs: rotation.downtime_ms,
    ...cost,
    reason: rotation.reason,
  };
  if (rotation.outcome === null) {
    const exit = rotation.waits_for?.nextCommands[0] ?? 'show';
    return { json, text: `${rotation.id} waits for ${rotation.waits_for?.text}`, next: `${exit} '${rotation.id}'`, exit: 3 };
  }
  const why = rotation.reason ? `: ${rotation.reason}` : '';
  const down = rotation.downtime_ms === null ? '' : `, ${rotation.downtime_ms} ms down`;
  return {
    json,
    text: `${rotation.id} ${rotation.outcome} in ${seconds} s${down}${why}`,
    next:
      rotation.outcome !== 'completed'
        ? `show '${rotation.id}'`
        : `${rotation.kind === 'update' ? 'attributes show' : 'keys'} ${rotation.credential}`,
    exit: rotation.outcome === 'completed' ? 0 : rotation.outcome === 'refused' ? 4 : 1,
  };
}
