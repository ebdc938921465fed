/**
 * Owns what both ways of answering for a leak are made of: a look at the store alone, the hand-out
 * to all at once, and the proof that what has leaked is dead.
 */
import { ApplicationFailure } from '@temporalio/workflow';
import { atHost, atStore, localLedger } from '../activity-options.js';
import type { ConsumerSpec } from '../domain/credential.js';
import type { VersionToEnd } from '../domain/incident.js';
import { Refused } from '../failures.js';
import { pausePoint } from '../run/gates.js';
import type { Run } from '../run/run.js';
import { retryUntilOperator } from '../run/waits.js';
import { distribute } from './distribute.js';
import { preflightHosts } from './inspect.js';
import { proveDead } from './retire.js';

/**
 * Looks at the store, and freezes the plan. Hosts are met when it is their turn: one that is away,
 * or not well, holds up nothing but itself. Throws `Refused`.
 */
export async function prepareUrgently(run: Run): Promise<{ readonly replacesFirst: boolean }> {
  run.enter('preparing');
  const { findings, identity, usedBy, replacesFirst } = await atStore(run.spec.store).preflightStore({
    step: run.step('preflight'),
  });
  if (findings.length > 0 && run.row.targets === null) throw new Refused(findings);
  if (run.row.targets === null) {
    const { consumers } = run.spec;
    // Those that only the store can name are found while it still knows the key.
    const found = consumers.kind === 'all' ? await preflightHosts(run, usedBy) : null;
    run.targets = found?.consumers ?? (consumers.kind === 'list' ? consumers.list : []);
    run.identities ??= { store: identity, hosts: found?.identities ?? {} };
  }
  await run.recorded(localLedger.freezePlan({ step: run.step('plan'), targets: run.targets, identities: run.identities! }));
  await pausePoint(run);
  return { replacesFirst };
}

/** Hands the new version to everybody side by side; one that fails is waited for alone. */
export async function handOutToAll(run: Run): Promise<void> {
  await Promise.all(
    run.required.map((consumer) => {
      let tries = 0;
      const handOut = async () => {
        await meet(run, consumer);
        const round = `${run.urgency!.incident}${tries++ > 0 ? `-${tries}` : ''}`;
        await distribute(run, [consumer], run.generation, round);
      };
      return retryUntilOperator(run, handOut, { consumers: [consumer.name] });
    }),
  );
}

/** Whoever it is by now is who it is from now on, where nobody has seen it before. */
async function meet(run: Run, { host, name }: ConsumerSpec): Promise<void> {
  if (run.isExempt(name) || run.spec.consumers.kind === 'all') return;
  const step = run.step('preflight', `preflight/${name}`);
  const { findings, identities } = await atHost(host).preflightHost({ step, host, usedBy: null, only: [name] });
  const [away] = findings;
  if (away) throw ApplicationFailure.nonRetryable(away.message, 'KR_HOST_UNAVAILABLE');
  const { hosts } = await run.recorded(localLedger.meetHosts({ step: run.step('meet', `meet/${name}`), hosts: identities }));
  run.identities = { ...run.identities!, hosts: { ...hosts, ...run.identities!.hosts } };
}

/** Everybody is on the new version, which is the one to use from now on. */
export async function cutOver(run: Run): Promise<void> {
  const key = `cut-over/${run.urgency!.incident}`;
  await run.recorded(localLedger.cutOver({ step: run.step('cut-over', key) }));
}

/** What is to go: all versions but the one that this run makes, those first that have leaked. */
export async function versionsBeside(run: Run): Promise<readonly VersionToEnd[]> {
  const versions = await localLedger.versionsToEnd({ step: run.step('leaked') });
  const others = versions.filter(({ generation }) => generation !== run.generation);
  return [...others.filter(({ leaked }) => leaked), ...others.filter(({ leaked }) => !leaked)];
}

/**
 * Of all that was taken away, and was not seen to be dead. `insist`: what is done about one that is
 * only switched off and still accepted. Answers with those that are not proved to be dead.
 */
export async function proveLeakedDead(run: Run, insist?: (generation: number) => Promise<void>): Promise<readonly number[]> {
  const alive: number[] = [];
  for (const { generation, state, dead } of await versionsBeside(run)) {
    if (dead || (state !== 'disabled' && state !== 'revoked')) continue;
    let seen = await proveDead(run, generation);
    if (seen === 'accepted' && state === 'disabled' && insist) {
      await insist(generation);
      seen = await proveDead(run, generation);
    }
    if (seen === 'refused') await recordLeak(run, generation, false);
    if (seen === 'accepted') alive.push(generation);
  }
  return alive;
}

export async function recordLeak(run: Run, dead: number | null, replaced: boolean): Promise<void> {
  const key = dead === null ? `leak/${run.urgency!.incident}-replaced` : `leak/dead-${dead}`;
  await run.recorded(localLedger.recordLeak({ step: run.step('leak', key), dead, replaced }));
}
