/**
 * Owns recognizing, among values that have leaked, the credentials that rekey itself works with. No
 * value is sent to anybody: workers tell digests.
 */
import type { ManagementDigests, ManagementPlace } from '../../workflows/domain/management.js';
import type { Who } from '../../workflows/domain/who.js';
import type { Access } from './access.js';
import { askWorkers } from './ask-workers.js';

export interface RecognizedManagement {
  /** What has leaked, such as `stores.datadog.management.apiKey`. */
  readonly leaked: readonly string[];
  /** How many different values that are. */
  readonly values: number;
  /** What could not be compared: no worker serves it, or its reference gives nothing there. */
  readonly notComparable: readonly string[];
}

export async function recognizeManagement(
  _who: Who,
  access: Access,
  { digests }: { readonly digests: ReadonlySet<string> },
): Promise<RecognizedManagement> {
  const applied = await access.readLedger((view) => view.configuration());
  const places = (['stores', 'hosts'] as const).flatMap((section) =>
    Object.entries(applied?.document[section] ?? {})
      .filter(([, { settings }]) => settings.management !== undefined)
      .map(([name]): ManagementPlace => ({ section, name })),
  );
  const answers = await askWorkers<readonly ManagementDigests[]>(access, {
    of: 'digestManagement',
    body: { places },
    about: 'management',
    within: 60_000,
  });
  const named =
    ({ section, name }: ManagementPlace) =>
    (setting: string) =>
      `${section}.${name}.${setting}`;
  const found = answers.flatMap((answer) =>
    answer.digests
      .filter(({ digest }) => digests.has(digest))
      .map(({ setting, digest }) => ({ name: named(answer)(setting), digest })),
  );
  return {
    leaked: found.map(({ name }) => name).sort(),
    values: new Set(found.map(({ digest }) => digest)).size,
    notComparable: answers.flatMap((answer) => answer.unresolved.map(named(answer))).sort(),
  };
}
