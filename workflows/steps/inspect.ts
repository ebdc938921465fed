/** Owns how a run looks at hosts: fresh before each effect, and whole before the first. */
import { CancellationScope, isCancellation } from '@temporalio/workflow';
import type { HostPreflight } from '../../activities/index.js';
import { atHost } from '../activity-options.js';
import type { ConsumerSpec } from '../domain/credential.js';
import type { Run } from '../run/run.js';

/** The hosts of a credential, and which of its consumers each of them runs. */
export function byHost(
  consumers: readonly ConsumerSpec[],
): readonly { readonly host: string; readonly names: readonly string[] }[] {
  const hosts = [...new Set(consumers.map((c) => c.host))];
  return hosts.map((host) => ({ host, names: consumers.filter((c) => c.host === host).map((c) => c.name) }));
}

/**
 * Asks of consumers, and of those that are left once one of them is exempted meanwhile: what is
 * dead for good must not hold up the rest.
 */
export async function whileRequired<Result>(
  run: Run,
  consumers: readonly ConsumerSpec[],
  ask: (left: readonly ConsumerSpec[]) => Promise<Result>,
): Promise<Result> {
  for (;;) {
    const left = consumers.filter(({ name }) => !run.isExempt(name));
    const asking = new CancellationScope();
    const exempted = run.operator.whenExempted(...left.map(({ name }) => name)).then(() => asking.cancel());
    exempted.catch(() => undefined);
    try {
      return await asking.run(() => ask(left));
    } catch (error) {
      if (!isCancellation(error) || left.every(({ name }) => !run.isExempt(name))) throw error;
    }
  }
}

/**
 * One fresh look at all that must be right; what was seen is in the ledger for the guard of the
 * next effect.
 */
export async function inspect(run: Run, consumers: readonly ConsumerSpec[]): Promise<void> {
  await whileRequired(run, consumers, (left) =>
    Promise.all(
      byHost(left).map(({ host, names }) => atHost(host).inspectConsumers({ step: run.step('inspect'), host, consumers: names })),
    ),
  );
}

/** What all hosts have shown together. */
type HostsPreflight = Required<HostPreflight>;

/**
 * Looks at the consumers through every host; finds the consumers where the store's word is needed.
 */
export async function preflightHosts(run: Run, usedBy: readonly string[] | null): Promise<HostsPreflight> {
  const { consumers } = run.spec;
  const hosts =
    consumers.kind === 'list' ? byHost(consumers.list).map((h) => h.host) : consumers.kind === 'all' ? [consumers.host] : [];
  const seen = await Promise.all(hosts.map((host) => atHost(host).preflightHost({ step: run.step('preflight'), host, usedBy })));
  return {
    identities: Object.assign({}, ...seen.map((s) => s.identities)) as HostPreflight['identities'],
    findings: seen.flatMap((s) => s.findings),
    consumers: seen.flatMap((s) => s.consumers),
    running: seen.flatMap((s) => s.running),
    unattested: seen.flatMap((s) => s.unattested ?? []),
  };
}
