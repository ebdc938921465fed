/** Owns where a run stands still before it goes on: a pause, an approval, a window. */
import { sleep } from '@temporalio/workflow';
import { localLedger } from '../activity-options.js';
import type { Gate } from '../domain/credential.js';
import type { Urgency } from '../domain/incident.js';
import { approvalKey, roomOf } from '../domain/leave.js';
import { type Finding, outsideWindow } from '../domain/preflight.js';
import { codeOf, RollbackRequested } from '../failures.js';
import type { Run } from './run.js';
import type { WaitTold } from './waits.js';

/** Waits while an operator has paused it. Called only between steps, where no lease is held. */
export async function pausePoint(run: Run): Promise<void> {
  await run.operator.obeyed();
  while (run.operator.paused) {
    const { number } = await run.tell({ kind: 'pause', text: 'an operator to resume it', person: true, deadline: null });
    await run.operator.resumed(number);
  }
}

/**
 * Waits for an approval where the policy asks for one, or something speaks for asking; what lies
 * beyond the point of no return was approved, and so was what an incident asks for: its plan.
 */
export async function passGate(run: Run, gate: Gate, because: readonly string[] = []): Promise<void> {
  await pausePoint(run);
  if (run.urgency) return awaitIncident(run, run.urgency);
  const { approve, approveWithin } = run.spec.policy;
  if ((!approve.includes(gate) && because.length === 0) || run.crossing || (gate === 'start' && run.isBound)) return;
  const text = `an approval (${gate})${because.length > 0 ? `: ${because.join('; ')}` : ''}`;
  const step = approvalKey(gate, run.round);
  for (let passed = false; !passed; ) {
    const deadline = new Date(Date.now() + approveWithin).toISOString();
    const wait: WaitTold = { kind: 'approval', gate, step, text, person: true, deadline };
    const { number, approved } = await run.tell(wait);
    // Given to this very wait, before the workflow was lost. Another plan is asked for anew.
    passed =
      approved ||
      (await run.operator.atGate(number, approveWithin, async () => {
        if (gate === 'start') throw new RollbackRequested('nobody approved it in time');
        // Nothing was taken away: both keys live, and a person is told for as long as it takes.
        await run.tell({ ...wait, text: `${text}; overdue` });
      }));
  }
}

/** Milliseconds between two looks at an incident that was paused or stopped. */
const lookEvery = { least: 1_000, most: 30_000 } as const;

/** Stands still while its incident does; behind the point of no return nothing stops it. */
async function awaitIncident(run: Run, { incident }: Urgency): Promise<void> {
  for (let pause: number = lookEvery.least; !run.crossing; pause = Math.min(pause * 2, lookEvery.most)) {
    const state = await localLedger.incidentState({ incident });
    if (state === 'open' || state === 'closed') return;
    const text = state === 'paused' ? `${incident} to go on` : `another incident, or an abort: ${incident} was stopped`;
    await run.tell({ kind: 'window', text, person: true, deadline: null });
    await sleep(pause);
  }
}

/** Speaks against beginning now, or null. */
export async function calendarFinding(run: Run): Promise<Finding | null> {
  const { window } = run.spec.policy;
  if (window === null || run.row.options.outsideWindow || run.urgency) return null;
  const opening = await localLedger.windowOpening({ window, room: roomOf(run.spec.policy) });
  return opening.inMs > 0 ? outsideWindow(run.row.credential, window, opening.at) : null;
}

/** Waits for the window to open again. */
export async function awaitWindow(run: Run): Promise<void> {
  const { window } = run.spec.policy;
  if (window === null || run.row.options.outsideWindow || run.crossing || run.urgency) return;
  for (;;) {
    const { at, inMs } = await localLedger.windowOpening({ window, room: roomOf(run.spec.policy) });
    if (inMs === 0) return;
    await run.tell({ kind: 'window', text: `its window ${window} to open`, person: false, deadline: at });
    await sleep(inMs);
  }
}

/**
 * Repeats an effect that was not let begin once all that it lies behind holds again: whoever sends
 * has the last word, and has sent nothing then.
 */
export async function onceLet<Result>(
  run: Run,
  gate: Gate,
  begin: () => Promise<Result>,
  because: readonly string[] = [],
): Promise<Result> {
  for (;;) {
    try {
      return await begin();
    } catch (error) {
      if (!isHeld(error)) throw error;
      await awaitLeave(run, gate, because);
    }
  }
}

/** An effect was not let begin, and nothing was sent. */
export function isHeld(error: unknown): boolean {
  return codeOf(error) === 'KR_NOT_NOW';
}

/** Milliseconds, so that a run and a ledger that disagree do not ask each other without end. */
const askedApart = 1_000;

/** Waits for what an effect was not let begin for, in the order in which it was passed before. */
export async function awaitLeave(run: Run, gate: Gate, because: readonly string[] = []): Promise<void> {
  await sleep(askedApart);
  // The ledger may know of a pause before the run does.
  await run.operator.obeyed();
  if (run.isGoingBack) return pausePoint(run);
  await passGate(run, gate, because);
  if (gate === 'start' && run.row.kind === 'rotate') await awaitWindow(run);
}
