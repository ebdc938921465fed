/**
 * Owns what App Host's description of an app says: whether it runs, which keys its parts are on,
 * and what that proves.
 */
import type { InstanceSeen, RunState } from '../../../../workflows/domain/observations.js';
import type { App } from '../../key-stores/soar/client.js';
import { exitOnRefusedLogin } from './errors.js';

export type Part = NonNullable<App['current_installation']>['executables'][number];

/** What is known of a key that an app may be on. */
export interface KnownKey {
  readonly generation: number;
  readonly handle: string;
  readonly secretChangedAt: number | null;
}

/**
 * State names are assumed, [A]. A name that we do not know is never taken for "stopped" or
 * "running".
 */
export function stateOf(app: App): RunState {
  const instances = app.instances ?? null;
  switch (app.status?.toUpperCase()) {
    case 'DEPLOYED':
      return instances === null ||
        (instances.length > 0 && instances.every((i) => (i.state ?? 'running').toLowerCase() === 'running'))
        ? 'running'
        : 'starting';
    case 'UNDEPLOYED':
      return 'stopped';
    case 'DEPLOYING':
      return 'starting';
    case 'UNDEPLOYING':
      return 'stopping';
    default:
      return 'failing';
  }
}

/**
 * Which secret an app holds is shown nowhere. But it reads it at the start only, and gives up when
 * it is refused: one that runs, and started after the key's secret was last changed, both by SOAR's
 * clock, was let in with the present one. Without both times nothing is claimed.
 */
export function instancesOf(app: App, state: RunState, known: readonly KnownKey[]): readonly InstanceSeen[] {
  const shown = app.instances ?? (state === 'running' ? [{ pod: app.name, state: null, started_time: null }] : []);
  const handles = handlesOf(app);
  const [key = null, another] = known.filter(({ handle }) => handles.includes(handle));
  return shown.map(({ pod, state: own, started_time }) => {
    // An app of which one part is on each of two keys is on neither.
    const current =
      key !== null &&
      !another &&
      key.secretChangedAt !== null &&
      typeof started_time === 'number' &&
      started_time > key.secretChangedAt;
    const generation = current && (own ?? 'running').toLowerCase() === 'running' ? key.generation : null;
    return { id: pod, generation, evidence: generation === null ? ('none' as const) : ('rolled-out' as const) };
  });
}

export const partsOf = (app: App): readonly Part[] => app.current_installation?.executables ?? [];

/** The keys that the parts of an app use, each once. */
export const handlesOf = (app: App): readonly string[] => [...new Set(partsOf(app).flatMap((part) => part.apikey_handle ?? []))];

export function describe(app: App, exit: number | null): string {
  const parts = [`App Host calls it ${app.status ?? 'nothing'}`];
  if (app.restarts) parts.push(`${app.restarts} restarts`);
  if (exit !== null) parts.push(exit === exitOnRefusedLogin ? `exit code ${exit}: its login was refused` : `exit code ${exit}`);
  return parts.join(', ');
}
