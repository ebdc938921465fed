/**
 * Owns how the output of a confirm command is read: which instances show themselves, and on which
 * version each is.
 */
import type { InstanceSeen } from '../../../workflows/domain/observations.js';
import type { KnownVersion } from '../../ports/app-host.js';
import type { Secret } from '../../ports/secret.js';

/**
 * Datadog's agent prints `API key ending with: 1a2b3` in its status ("Agent Commands"), older and
 * JSON forms differ in colon and quotes.
 */
const ending = /API key ending with:?\s*"?\**([\w.-]*\w)/gi;
const fingerprint = /fingerprint[ :]+([a-z2-7]{12})\b/gi;
const processId = /\bpid\b\D{0,3}(\d+)/i;

export function instancesByEnding(output: string, known: readonly KnownVersion[]): InstanceSeen[] {
  return instances(output, ending, known, (secret, shown) => secret.endsWith(shown));
}

export function instancesByFingerprint(output: string, known: readonly KnownVersion[]): InstanceSeen[] {
  return instances(output, fingerprint, known, (secret, shown) => secret.fingerprint === shown.toLowerCase());
}

/**
 * One instance for each time that a key is shown; named by the process id that stands in front of
 * it, or by its place.
 */
function instances(
  output: string,
  pattern: RegExp,
  known: readonly KnownVersion[],
  isOf: (secret: Secret, shown: string) => boolean,
): InstanceSeen[] {
  const seen: InstanceSeen[] = [];
  let from = 0;
  for (const match of output.matchAll(pattern)) {
    const pid = processId.exec(output.slice(from, match.index))?.[1];
    const id = pid !== undefined && seen.every((other) => other.id !== pid) ? pid : `#${seen.length + 1}`;
    from = match.index + match[0].length;

    const fitting = known.filter(({ secret }) => secret !== null && isOf(secret, match[1]!));
    // Two keys can end alike; then the ending tells neither.
    const generation = fitting.length === 1 ? fitting[0]!.generation : null;
    seen.push({ id, generation, evidence: generation === null ? 'none' : 'uses' });
  }
  return seen;
}
