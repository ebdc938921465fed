/**
 * Owns the look at a consumer's running instances, by whatever it declares to show them: a command,
 * an endpoint, or the start of its process.
 */

import { RekeyError } from '../../../workflows/domain/errors.js';
import type { InstanceSeen } from '../../../workflows/domain/observations.js';
import type { KnownVersion } from '../../ports/app-host.js';
import type { Secret } from '../../ports/secret.js';
import { scrub } from '../http/scrub.js';
import { ask } from './ask.js';
import type { MachineConsumer, Shows } from './consumer.js';
import { type SourceSeen, type Started, startedAfterChange } from './loaded.js';
import { CommandEnded, type CommandResult, type Machine } from './machine.js';
import { findProcesses } from './processes.js';
import { instancesByEnding, instancesByFingerprint } from './shown.js';

/** What the look needs to know beside the consumer. */
export interface Asked {
  readonly known: readonly KnownVersion[];
  /** The generation that the source holds, and since when it does. */
  readonly source: SourceSeen & { readonly generation: number | null };
  readonly secrets: readonly Secret[];
  readonly env: Readonly<Record<string, string>>;
  readonly userAgent: string;
}

/**
 * The instances; or why they cannot be told, for people. Null: nothing is declared that shows them.
 */
export type Shown = { readonly instances: readonly InstanceSeen[] } | { readonly problem: string } | null;

export async function confirmShown(
  machine: Machine,
  consumer: MachineConsumer,
  asked: Asked,
  signal: AbortSignal,
): Promise<Shown> {
  const { confirm, process } = consumer;
  if (confirm === undefined) return process === undefined ? null : byProcess();
  if ('http' in confirm) {
    const answer = await ask(machine, confirm.http, asked.userAgent, signal);
    return 'problem' in answer
      ? { problem: scrub(answer.problem, asked.secrets) }
      : { instances: shownIn(answer.body, confirm.shows) };
  }
  const shows = 'last4' in confirm ? 'last4' : 'fingerprint' in confirm ? 'fingerprint' : null;
  const command = 'last4' in confirm ? confirm.last4 : 'fingerprint' in confirm ? confirm.fingerprint : confirm.started;
  const result = await runLook(machine, command, asked.env, signal);
  if (result.exitCode !== 0) return { problem: `the confirm command ${outcome(result, asked.secrets)}` };
  return shows === null ? byStart(result.output) : { instances: shownIn(result.output, shows) };

  function shownIn(text: string, by: Shows): readonly InstanceSeen[] {
    return by === 'last4' ? instancesByEnding(text, asked.known) : instancesByFingerprint(text, asked.known);
  }

  async function byProcess(): Promise<Shown> {
    const { processes, problem } = await findProcesses(machine, process!, signal);
    if (problem !== null) return { problem: scrub(problem, asked.secrets) };
    return { instances: processes.map(({ pid, sinceBoot, startedAt: wall }) => loaded(`${pid}`, { sinceBoot, wall })) };
  }

  function byStart(output: string): Shown {
    const times = output.split('\n').flatMap((line) => (/^\s*(n\/a)?\s*$/.test(line) ? [] : [startOf(line)]));
    if (times.some(Number.isNaN))
      return { problem: 'the confirm command shows no time with its zone, such as 2025-01-31T12:00:00.5Z' };
    return { instances: times.map((wall, at) => loaded(`#${at + 1}`, { sinceBoot: null, wall })) };
  }

  /**
   * A program that started after its source was changed last has read what stands there now; of an
   * older one nothing is known.
   */
  function loaded(id: string, started: Started): InstanceSeen {
    const generation = startedAfterChange(started, asked.source) ? asked.source.generation : null;
    return { id, generation, evidence: generation === null ? 'none' : 'loaded' };
  }
}

/**
 * A time in milliseconds: ISO 8601 with its zone, seconds since 1970 (`@1738324800.5`), or as
 * systemd prints it with `--timestamp=us+utc`. Where the seconds are whole, the program may have
 * started at any moment of the second; the first one claims the least.
 */
function startOf(line: string): number {
  const text = line.trim().replace(/^[A-Z][a-z]{2} (?=\d{4}-)/, '');
  const seconds = /^@(\d+(?:\.\d+)?)$/.exec(text)?.[1];
  if (seconds !== undefined) return Number(seconds) * 1000;
  const parts = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d+)?) ?(Z|UTC|[+-]\d\d:?\d\d)$/.exec(text);
  if (!parts) return Number.NaN;
  const zone = parts[3]!.replace('UTC', 'Z').replace(/^([+-]\d\d)(\d\d)$/, '$1:$2');
  return Date.parse(`${parts[1]}T${parts[2]}${zone}`);
}

async function runLook(
  machine: Machine,
  script: string,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<CommandResult> {
  try {
    return await machine.run({ script, env }, signal);
  } catch (error) {
    if (error instanceof CommandEnded) throw new RekeyError('KR_HOST_UNAVAILABLE', `the confirm command was ${error.message}`);
    throw error;
  }
}

export function outcome({ exitCode, output }: CommandResult, secrets: readonly Secret[]): string {
  const lastLine = scrub(output.trimEnd().split('\n').at(-1) ?? '', secrets);
  return `${exitCode === null ? 'was ended by a signal' : `ended with exit code ${exitCode}`}${lastLine === '' ? '' : `: ${lastLine}`}`;
}
