/**
 * Owns what both sequences do before the first change: look everywhere, tell all that speaks
 * against it at once, freeze the plan, wait for leave.
 */
import { atStore, localLedger } from '../activity-options.js';
import { Refused } from '../failures.js';
import { awaitWindow, calendarFinding, passGate, pausePoint } from '../run/gates.js';
import type { Run } from '../run/run.js';
import { preflightHosts } from './inspect.js';
import { awaitFirstAttestation } from './manual-delivery.js';

export interface Prepared {
  /** The names of the consumers that run. */
  readonly running: readonly string[];
  /** Whether the store can disable a version before it is revoked, in a way that can be undone. */
  readonly disables: boolean;
  /** Whether the old version could be given back to consumers. */
  readonly holdsOldSecret: boolean;
}

/** Throws `Refused` where something speaks against beginning. */
export async function prepare(run: Run): Promise<Prepared> {
  run.enter('preparing');
  const atTheStore = await atStore(run.spec.store).preflightStore({ step: run.step('preflight') });
  let atTheHosts = await preflightHosts(run, atTheStore.usedBy);
  const calendar = await calendarFinding(run);
  const found = () => [...atTheStore.findings, ...atTheHosts.findings, ...(calendar ? [calendar] : [])];
  if (atTheHosts.unattested.length > 0 && found().length === 0 && run.row.targets === null) {
    const asked = atTheHosts.consumers.filter(({ name }) => atTheHosts.unattested.includes(name));
    for (const consumer of asked) await awaitFirstAttestation(run, consumer);
    atTheHosts = await preflightHosts(run, atTheStore.usedBy);
  }
  const unattested = atTheHosts.unattested.map(
    (name) => ({ reason: 'not-on-current', message: `nobody has said which key ${name} is on` }) as const,
  );
  const findings = [...found(), ...unattested];
  // A rotation that was taken over has changed things already: then a finding is for a person, and
  // compensation the way out.
  if (findings.length > 0 && run.row.targets === null) throw new Refused(findings);
  if (run.row.targets === null) run.targets = atTheHosts.consumers;
  run.identities ??= { store: atTheStore.identity, hosts: atTheHosts.identities };
  await run.recorded(localLedger.freezePlan({ step: run.step('plan'), targets: run.targets, identities: run.identities }));
  await passGate(run, 'start');
  // The window was open a moment ago, unless somebody had to be asked meanwhile.
  if (run.spec.policy.approve.includes('start')) await awaitWindow(run);
  // Paused at the gate, or while the window was closed.
  await pausePoint(run);
  return { running: atTheHosts.running, disables: atTheStore.disables, holdsOldSecret: atTheStore.holdsOldSecret };
}
