/**
 * Owns the process behind `rekey provide`: a person has done what a rotation asked for; a secret
 * goes straight into the vault, and only its reference travels on.
 */
import { Secret } from '../../activities/ports/secret.js';
import { findInstallation } from '../../client/environment.js';
import { withAccess } from '../../client/local-access.js';
import { requireOpenRun } from '../../client/operations/open-run.js';
import { provide } from '../../client/operations/provide.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { ProvideReceipt } from '../../workflows/domain/manual.js';
import { compose } from '../composition.js';
import { answer, main, option } from './process.js';
import { readSecret } from './secret-input.js';

await main(async () => {
  const id = process.argv[2];
  if (!id) throw new RekeyError('KR_USAGE', 'provide needs a rotation');
  const { id: run, credential } = await withAccess((who, access) => requireOpenRun(who, access, { run: id }));
  const value = process.argv.includes('--done') ? '' : await readSecret(`The new key for ${credential}: `);
  if (!value && !process.argv.includes('--done'))
    throw new RekeyError('KR_USAGE', 'nothing was handed in: the key comes on standard input, or say --done where there is none');
  const composition = await compose(findInstallation());
  const secretRef = value ? await composition.vault.keep(new Secret(value)) : null;
  let receipt: ProvideReceipt;
  try {
    const provided = { run, secretRef, keyId: option('id'), fingerprint: option('fingerprint') };
    receipt = await withAccess((who, access) => provide(who, access, provided));
  } catch (error) {
    // Nobody will ever look at it.
    if (secretRef) await composition.vault.discard(secretRef);
    throw error;
  }
  if (!receipt.taken) throw new RekeyError('KR_PROVIDED_REFUSED', receipt.message);
  answer(
    { ok: true, rotation: receipt.run, taken: receipt.taken, message: receipt.message },
    `${receipt.message}\nnext: rekey show '${receipt.run}'`,
  );
});
