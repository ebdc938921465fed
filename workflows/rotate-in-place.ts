/**
 * Owns the order of an in-place rotation: stop every program, change the secret, hand it over,
 * start them again, with nothing in the window that could be done outside it.
 */
import { ApplicationFailure, CancellationScope, sleep } from '@temporalio/workflow';
import type { Deployed } from '../activities/index.js';
import { atHost, confirmingAtHost, effectsAtHost, effectsAtStore, ledger, localLedger } from './activity-options.js';
import type { RunOrder, RunReport } from './contract.js';
import type { ConsumerSpec } from './domain/credential.js';
import { formatDuration } from './domain/duration.js';
import { codeOf, isUnanswered, messageOf, RollbackRequested } from './failures.js';
import { awaitLeave, isHeld, pausePoint } from './run/gates.js';
import { holdRun } from './run/hold.js';
import type { Run } from './run/run.js';
import { retryUntilOperator, settle, waitForOperator } from './run/waits.js';
import { byHost, whileRequired } from './steps/inspect.js';
import { atTheStore } from './steps/manual-effect.js';
import { prepare } from './steps/prepare.js';
import { hasMadeLeaked, supersede } from './steps/replan.js';
import { recordLeak } from './steps/urgent.js';

/** What a ledger that was set back cannot tell: the programs that ran, and who was told to stop. */
interface InPlaceMemory {
  running: readonly string[] | null;
  readonly toldToStop: Set<string>;
}

export function rotateInPlace(order: RunOrder): Promise<RunReport> {
  const memory: InPlaceMemory = { running: null, toldToStop: new Set() };
  return holdRun(order, async (run) => {
    if (await hasMadeLeaked(run)) return supersede(run, null);
    let down: Downtime;
    try {
      down = await run.forward(() => regenerateStopped(run, memory));
    } catch (reason) {
      if (!(reason instanceof RollbackRequested)) throw reason;
      await run.startRollback(reason.message);
      return compensateInPlace(run, memory);
    }
    return bringBack(run, down);
  });
}

/** When programs stopped, which ran before, and the store's mark of our change. */
interface Downtime {
  readonly since: number;
  readonly running: readonly ConsumerSpec[];
  readonly secretChanged: string | null;
}

/** Up to and with the regenerate; beyond it there is only the way forward. */
async function regenerateStopped(run: Run, memory: InPlaceMemory): Promise<Downtime> {
  const prepared = await prepare(run);
  const seen = { running: prepared.running, urgent: run.urgency !== null };
  memory.running ??= await localLedger.rememberRunning({ step: run.step('remember-running'), ...seen });
  const before = memory.running;
  await takeLeases(run);
  // From here on it is never paused.
  run.enter('undeploying');
  const running = run.required.filter((c) => before.includes(c.name));
  // Behind a regenerate that is on record the programs may be up again: they are not waited for,
  // and not stopped once more.
  const done = run.crossing?.done ? await regenerate(run, run.crossing.key) : null;
  if (done && 'secretChanged' in done) return { since: await downSince(run, Date.now()), running, ...done };
  // Behind a ledger that was set back, programs may run again that its outcomes say were told to
  // stop.
  let since: number | null = null;
  for (let round = 1 + run.reconciled * 1000; ; round++) {
    const told = await stopAll(run, memory, running, round);
    [since] = await Promise.all([since ?? downSince(run, told), awaitStopped(run)]);
    run.enter('regenerating');
    const change = await regenerate(run, run.crossing?.key ?? `regenerate/${round}`);
    if ('secretChanged' in change) return { since, running, ...change };
  }
}

/**
 * Tells every program to stop, and answers with the time at which the first of them may have been
 * told. None is stopped unless all that the policy asks for holds in that very moment: then they
 * are let go, and it is waited for again. Once one was told to stop, the others are, whatever the
 * clock says: the sooner all are down, the sooner all are up again.
 */
async function stopAll(run: Run, memory: InPlaceMemory, running: readonly ConsumerSpec[], round: number): Promise<number> {
  const begun = run.reconciled > 0 && memory.toldToStop.size > 0;
  for (let since: number | null = null; ; ) {
    run.enter('undeploying');
    since ??= Date.now();
    const told = await Promise.all(
      running.map((consumer) =>
        untilLeft(run, [consumer.name], () =>
          whileRequired(run, [consumer], async ([left]) => left && stop(run, memory, left, round, begun)),
        ),
      ),
    );
    if (!told.includes(false)) return since;
    if (told.includes(true)) continue;
    since = null;
    run.enter('preparing');
    await localLedger.releaseLeases({ step: run.step('release-leases') });
    await awaitLeave(run, 'start');
    await takeLeases(run);
  }
}

/** False: nothing was sent, since it is no time for it any more. */
async function stop(
  run: Run,
  memory: InPlaceMemory,
  { host, name }: ConsumerSpec,
  round: number,
  begun: boolean,
): Promise<boolean> {
  const before = memory.toldToStop.has(name);
  memory.toldToStop.add(name);
  try {
    const step = run.step('undeploy', `undeploy/${round}/${name}`, name);
    await run.recorded(effectsAtHost(host).undeployConsumer({ step, consumer: name, begun }));
    return true;
  } catch (error) {
    if (!isHeld(error)) throw error;
    if (!before) {
      memory.toldToStop.delete(name);
      run.touched.delete(name);
    }
    return false;
  }
}

/** When the first program was told to stop; a run that takes over goes on counting from there. */
async function downSince(run: Run, since: number): Promise<number> {
  return (await run.recorded(localLedger.openWindow({ step: run.step('open-window'), since }))).since;
}

/** Never stands still while it holds a lease: another rotation may wait for it. */
async function takeLeases(run: Run): Promise<void> {
  for (;;) {
    await pausePoint(run);
    await ledger.takeLeases({ step: run.step('take-leases') });
    await run.operator.obeyed();
    if (!run.operator.paused) return;
    await localLedger.releaseLeases({ step: run.step('release-leases') });
  }
}

async function awaitStopped(run: Run): Promise<void> {
  await whileRequired(run, run.required, (left) =>
    Promise.all(byHost(left).map(({ host, names }) => untilLeft(run, names, () => stopped(run, host, names)))),
  );
}

/** Without end; in an incident a person is asked once patience is over. */
async function stopped(run: Run, host: string, names: readonly string[]): Promise<void> {
  const input = { step: run.step('await-stopped'), host, consumers: names };
  if (!run.urgency) return atHost(host).awaitStopped(input);
  try {
    await confirmingAtHost(host, run.spec.policy.confirm).awaitStopped(input);
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    const message = `${names.join(', ')} does not stop; under a dead secret its address would be banned`;
    throw ApplicationFailure.nonRetryable(message, 'KR_STILL_RUNNING');
  }
}

/**
 * In an incident a program that does not stop turns nothing back: the leaked key would live on, and
 * so a person says whether it is left behind.
 */
function untilLeft<Result>(run: Run, consumers: readonly string[], ask: () => Promise<Result>): Promise<Result> {
  return run.urgency ? retryUntilOperator(run, ask, { consumers }) : ask();
}

/** The store's mark of the change; or the guard refused, and nothing was sent. */
type Regenerated = { readonly secretChanged: string | null } | { readonly refused: string };

async function regenerate(run: Run, key: string): Promise<Regenerated> {
  await run.cross(key);
  try {
    return await CancellationScope.nonCancellable(() => regenerateAtStore(run, key));
  } catch (error) {
    // The guard, a person who declines, and a store without the key know that nothing was sent.
    const code = codeOf(error);
    if (!['KR_GUARD_STALE', 'KR_GUARD_REFUSED', 'KR_NOT_DONE', 'KR_KEY_GONE'].includes(code ?? '')) throw error;
    run.uncross();
    if (code === 'KR_NOT_DONE' || code === 'KR_KEY_GONE') throw error;
    return { refused: messageOf(error) };
  }
}

/**
 * An attempt that died is waited out before the next one: by then the look that allowed it may be
 * too old. Nobody is asked to look.
 */
async function regenerateAtStore(run: Run, key: string): Promise<{ readonly secretChanged: string | null }> {
  for (;;) {
    try {
      return await atTheStore(run, { effect: 'regenerate', key, generation: run.generation }, () =>
        effectsAtStore(run.spec.store).regenerateSecret({ step: run.step('regenerate', key) }),
      );
    } catch (error) {
      if (codeOf(error) !== 'KR_LOOK_AGAIN') throw error;
      await awaitStopped(run);
    }
  }
}

/** How often a secret that somebody else changed after us is regenerated again. */
const mostOvertaken = 2;

/**
 * The way forward: every path of it ends with the programs deployed, or with a person told why they
 * are not.
 */
async function bringBack(run: Run, down: Downtime): Promise<RunReport> {
  let { secretChanged } = down;
  for (let overtaken = 0, trial = 1; ; trial++) {
    run.enter('updating');
    const mark = secretChanged;
    await Promise.all(run.required.map((consumer) => updateSecret(run, consumer, trial)));
    const { proof } = await retryUntilOperator(run, () =>
      run.recorded(
        effectsAtStore(run.spec.store).proveSecret({ step: run.step('probe', `probe/${trial}`), secretChanged: mark }),
      ),
    );
    if (proof === 'accepted') {
      if (run.urgency) await recordLeak(run, run.row.previousGeneration, false);
      break;
    }
    if (proof === 'refused' || overtaken++ >= mostOvertaken)
      await waitForOperator(run, `the store refuses the new secret (${proof}); the programs stay down`);
    run.enter('regenerating');
    const again = await regenerateAgain(run, trial);
    if (again === 'given-up') break;
    secretChanged = again.secretChanged;
  }
  run.enter('deploying');
  await deployAll(run, down.running, 'forward');
  if (run.urgency) await recordLeak(run, null, true);
  const downtimeMs = Date.now() - down.since;
  const { downtime } = run.spec.policy;
  if (downtime !== null && downtimeMs > downtime)
    run.remark(`programs were down for ${formatDuration(downtimeMs)}; ${formatDuration(downtime)} are acceptable`);
  run.enter('closing');
  return run.close('completed', downtimeMs);
}

function updateSecret(run: Run, consumer: ConsumerSpec, trial: number): Promise<unknown> {
  return retryUntilOperator(
    run,
    () =>
      whileRequired(run, [consumer], async ([left]) => {
        if (!left) return;
        const { host, name } = left;
        const step = run.step('distribute', `update/${trial}/${name}`, name);
        await run.recorded(effectsAtHost(host).updateSecret({ step, consumer: name, generation: run.generation }));
      }),
    { consumers: [consumer.name] },
  );
}

/**
 * Somebody else has changed the secret, or the store refuses it. A key that is gone cannot be
 * regenerated: that ends once every program is left behind.
 */
function regenerateAgain(run: Run, trial: number): Promise<{ readonly secretChanged: string | null } | 'given-up'> {
  const again = async () => {
    try {
      await awaitStopped(run);
      return await regenerateAtStore(run, `regenerate/again-${trial}`);
    } catch (error) {
      if (codeOf(error) !== 'KR_KEY_GONE' || run.required.length > 0) throw error;
      run.remark('the key is gone from the store: no program was started');
      return 'given-up' as const;
    }
  };
  return retryUntilOperator(run, again, { consumers: run.required.map((c) => c.name) });
}

/** Starts programs side by side; one that does not come back never holds up the others. */
async function deployAll(run: Run, consumers: readonly ConsumerSpec[], direction: string): Promise<void> {
  await Promise.all(
    consumers.map((consumer) => {
      let round = 0;
      return retryUntilOperator(
        run,
        async () => {
          for (let starts = 1; !run.isExempt(consumer.name); starts++) {
            const seen = await whileRequired(run, [consumer], async ([left]) =>
              left ? deploy(run, left, `${direction}-${++round}`, direction) : 'running',
            );
            if (seen !== 'stopped') return;
            // Something stopped it after it was started, such as a late undeploy.
            if (starts === mostStarts) throw ApplicationFailure.nonRetryable(`${consumer.name} stops again`, 'KR_NOT_CONFIRMED');
            if (starts > 1) await sleep((starts - 1) * startsApart);
          }
        },
        { consumers: [consumer.name] },
      );
    }),
  );
}

/**
 * How often a program that something stops is started again before a person is asked, and the
 * milliseconds by which the pauses between grow; the first time there is none.
 */
const mostStarts = 5;
const startsApart = 1_000;

/**
 * Starts one program. One that is refused its login is stopped at once and for good: every further
 * try would count towards a lock.
 */
async function deploy(run: Run, { host, name }: ConsumerSpec, round: string, direction: string): Promise<Deployed> {
  const step = (kind: string, at: string) => run.step(kind, `${kind}/${at}/${name}`, name);
  await run.recorded(effectsAtHost(host).deployConsumer({ step: step('deploy', round), consumer: name }));
  const seen = await atHost(host).confirmDeployed({ step: step('confirm', direction), consumer: name });
  if (seen !== 'refused') return seen;
  await run.recorded(effectsAtHost(host).undeployConsumer({ step: step('undeploy', round), consumer: name, begun: true }));
  throw ApplicationFailure.nonRetryable(`${name} was refused its login and is stopped`, 'KR_APP_REFUSED');
}

/**
 * Before the regenerate: every program that was told to stop goes back to the state that preflight
 * recorded.
 */
async function compensateInPlace(run: Run, memory: InPlaceMemory): Promise<RunReport> {
  const undo = await localLedger.readUndo({ step: run.step('read-undo') });
  const stopped = run.targets.filter((t) => undo.undeployed.includes(t.name) || memory.toldToStop.has(t.name));
  if (stopped.length > 0) {
    await deployAll(run, stopped, 'back');
    const left = await retryUntilOperator(run, () => ledger.awaitSettled({ step: run.step('settle'), kinds: ['undeploy'] }));
    if (left > 0) {
      // A late undeploy may land after our deploy: only the look after that counts.
      await settle(run, left);
      await deployAll(run, stopped, 'settled');
    }
  }
  run.enter('closing');
  return run.close(stopped.length > 0 ? 'compensated' : 'refused');
}
