/**
 * Owns the process behind `rekey provide`: a person has done what a rotation asked for; a secret
 * goes straight into the vault, and only its reference travels on.
 */
import { Secret } from '../../activities/ports/secret.js';
import { connect } from '../../client/connection.js';
import { findInstallation, whoAsks } from '../../client/environment.js';
import { withView } from '../../client/ledger/views.js';
import { provideUpdate, rotationWorkflowId } from '../../workflows/contract.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { ProvideReceipt } from '../../workflows/domain/manual.js';
import { compose } from '../composition.js';
import { answer, main, option } from './process.js';
import { readSecret } from './secret-input.js';

await main(async () => {
  const id = process.argv[2];
  if (!id) throw new RekeyError('KR_USAGE', 'provide needs a rotation');
  const installation = findInstallation();
  const rotation = await withView((view) => view.rotation(id));
  if (rotation.outcome) throw new RekeyError('KR_VERB_ILLEGAL', `${rotation.id} has ended: ${rotation.outcome}`);

  const value = process.argv.includes('--done') ? '' : await readSecret(`The new key for ${rotation.credential}: `);
  if (!value && !process.argv.includes('--done'))
    throw new RekeyError('KR_USAGE', 'nothing was handed in: the key comes on standard input, or say --done where there is none');
  const composition = await compose(installation);
  const secretRef = value ? await composition.vault.keep(new Secret(value)) : null;
  const { client, close } = await connect(installation);
  let receipt: ProvideReceipt;
  try {
    receipt = await client.workflow.getHandle(rotationWorkflowId(rotation.credential)).executeUpdate(provideUpdate, {
      args: [{ by: whoAsks(), secretRef, keyId: option('id'), fingerprint: option('fingerprint') }],
    });
  } catch (error) {
    // Nobody will ever look at it.
    if (secretRef) await composition.vault.discard(secretRef);
    throw error;
  } finally {
    await close();
  }
  if (!receipt.taken) throw new RekeyError('KR_PROVIDED_REFUSED', receipt.message);
  answer(
    { ok: true, rotation: receipt.run, taken: receipt.taken, message: receipt.message },
    `${receipt.message}\nnext: rekey show '${receipt.run}'`,
  );
});
