/** Owns changing what a key may do, without a new secret. */
import { connectors } from '../../activities/configuration/connectors.js';
import { findingsOf } from '../../activities/configuration/wording.js';
import type { JoinReceipt } from '../../workflows/contract.js';
import type { JsonObject, KeyChange } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Who } from '../../workflows/domain/who.js';
import type { Access } from './access.js';
import { type Patience, startRun } from './start-run.js';

export interface ChangeKeyInput {
  readonly credential: string;
  readonly change: KeyChange;
  /** Whoever asks has said yes beforehand to whatever it opens. */
  readonly accepted: boolean;
}

export async function changeKey(
  who: Who,
  access: Access,
  { credential, change, accepted }: ChangeKeyInput,
  patience?: Patience,
): Promise<JoinReceipt> {
  const { declared, kind } = await access.readLedger(async (view) => {
    const { spec, store } = await view.credential(credential);
    return { declared: spec.attributes, kind: (await view.configuration())!.document.stores[store]!.kind };
  });
  if (change.kind === 'set') requireValid(change.attributes, declared, kind);
  return startRun(who, access, { credential, options: { without: [], update: { change, accepted } } }, patience);
}

/**
 * The connector's own schema looks at what was said, together with what is declared, since some of
 * it must be there.
 */
function requireValid(said: JsonObject, declared: JsonObject, kind: string): void {
  const schema = connectors.stores.find((store) => store.kind === kind)?.attributes;
  // A store that a package brings looks at it itself.
  if (!schema) return;
  const checked = findingsOf(schema, { ...declared, ...said });
  if ('value' in checked) return;
  const problems = checked.findings.map(
    ({ path, message, expected }) => `${path.join('.')} ${message}${expected ? `; expected ${expected}` : ''}`,
  );
  throw new RekeyError('KR_USAGE', problems.join('; '));
}
