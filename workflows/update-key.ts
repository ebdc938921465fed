/**
 * Owns the order of a change that leaves a key's secret alone: seen, permitted, sent whole, and
 * read back until it holds; else the key is put back as it was.
 */
import { ApplicationFailure, isCancellation } from '@temporalio/workflow';
import type { UpdatePlan } from '../activities/index.js';
import { atStore, effectsAtStore, localLedger, provingAtStore } from './activity-options.js';
import type { RunOrder, RunReport } from './contract.js';
import { inWords, type KeyImage } from './domain/attributes.js';
import { codeOf, isOvertaken, isUnanswered, messageOf, Refused, RollbackRequested } from './failures.js';
import { onceLet, passGate, pausePoint } from './run/gates.js';
import { holdRun } from './run/hold.js';
import type { Run } from './run/run.js';
import { retryUntilOperator, settle, waitForOperator } from './run/waits.js';

/**
 * What outlives a ledger that was set back: by then neither the key nor the ledger may show how it
 * was, and that it was changed.
 */
interface Memory {
  plan: UpdatePlan | null;
  sent: boolean;
}

export function updateKey(order: RunOrder): Promise<RunReport> {
  const memory: Memory = { plan: null, sent: false };
  return holdRun(order, async (run) => {
    if (run.urgency) return supersede(run);
    try {
      run.remark(await run.forward(() => change(run, memory)));
    } catch (reason) {
      if (!(reason instanceof RollbackRequested)) throw reason;
      await run.startRollback(reason.message);
      return putBack(run, memory);
    }
    run.enter('closing');
    return run.close('completed');
  });
}

/** Its key has leaked, and is to die: what was sent of the change lands on that one, or nowhere. */
function supersede(run: Run): Promise<RunReport> {
  run.enter('closing');
  run.remark('its key has leaked: say the change again, of the next one');
  return run.close('superseded');
}

async function planChange(run: Run, memory: Memory): Promise<UpdatePlan> {
  const step = run.step('plan-update');
  memory.plan = await run.recorded(effectsAtStore(run.spec.store).planUpdate({ step, known: memory.plan }));
  return memory.plan;
}

/** Whether a change may have reached the store. */
async function begun(run: Run, memory: Memory): Promise<boolean> {
  return memory.sent || localLedger.mayHaveSent({ step: run.step('read-undo'), kind: 'update' });
}

/** How often a change that the store does not keep is sent before the key is put back. */
const mostTries = 3;

/** What was done, in words. */
async function change(run: Run, memory: Memory): Promise<string> {
  run.enter('preparing');
  const plan = await planChange(run, memory);
  if (plan.findings.length > 0) throw new Refused(plan.findings);
  if (plan.differences.length === 0) return 'the key is so already';
  const because = run.row.options.update!.accepted ? [] : plan.widens;
  // What was sent was permitted before.
  if (!(await begun(run, memory))) await passGate(run, 'start', because);

  run.enter('changing');
  for (let tries = 1; ; tries++) {
    await pausePoint(run);
    await onceLet(run, 'start', () => sendChange(run, memory, plan, `update/${tries}`), because);
    const seen = await provedOtherwise(run, plan, plan.after!);
    if (seen === null) {
      await pausePoint(run);
      return inWords(plan.differences);
    }
    if (tries === mostTries) throw ApplicationFailure.nonRetryable(seen, 'KR_NOT_HELD');
  }
}

async function sendChange(run: Run, memory: Memory, plan: UpdatePlan, key: string): Promise<void> {
  try {
    await run.recorded(effectsAtStore(run.spec.store).changeKey({ step: run.step('update', key), plan }));
    memory.sent = true;
  } catch (error) {
    memory.sent ||= isOvertaken(error);
    throw error;
  }
}

/** Milliseconds for asking itself, besides the store's own time. */
const maxWait = 10_000;

/** Null when the key is as it is to be; else what was seen in its place. */
async function provedOtherwise(run: Run, plan: UpdatePlan, image: KeyImage): Promise<string | null> {
  const { store } = run.spec;
  const input = (last: boolean) => ({ step: run.step('prove'), keyId: plan.keyId, image, last });
  try {
    try {
      await provingAtStore(store, plan.propagation + maxWait).proveImage(input(false));
    } catch (error) {
      if (!isUnanswered(error)) throw error;
      // A store that was away has not said that it did not keep the change.
      await atStore(store).proveImage(input(true));
    }
    return null;
  } catch (error) {
    if (isOvertaken(error) || isCancellation(error)) throw error;
    return messageOf(error);
  }
}

/**
 * The way back: the image that the key had is sent until it holds, and once more after anything
 * that was sent before can still land.
 */
async function putBack(run: Run, memory: Memory): Promise<RunReport> {
  if (!(await begun(run, memory))) {
    run.enter('closing');
    return run.close('refused');
  }
  const plan = await planChange(run, memory);
  for (let round = 1; ; round++) {
    await pausePoint(run);
    let agreed = false;
    const send = async () => {
      try {
        const step = run.step('put-back', `put-back/${round}`);
        await run.recorded(effectsAtStore(run.spec.store).putBackKey({ step, plan, agreed }));
        return 'sent' as const;
      } catch (error) {
        agreed ||= codeOf(error) === 'KR_STATE_UNCLEAR';
        throw error;
      }
    };
    if ((await retryUntilOperator<'sent' | 'left-out'>(run, send, { leftOut: 'left-out' })) === 'left-out') {
      run.remark('the key was left as it is');
      break;
    }
    // A change that was sent before the turn may land after it: only a look after that counts.
    const left = await localLedger.unsettled({ step: run.step('settle'), kinds: ['update'] });
    if (left > 0) await settle(run, left);
    const seen = await provedOtherwise(run, plan, plan.before!);
    if (seen === null) break;
    if (round % mostTries === 0 && (await waitForOperator(run, seen, { skips: true })) === 'leave-out') {
      run.remark(`the key was left as it is: ${seen}`);
      break;
    }
  }
  await pausePoint(run);
  run.enter('closing');
  return run.close('compensated');
}
