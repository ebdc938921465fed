/**
 * Owns the process behind `rekey adopt`: a secret goes from standard input straight into the vault,
 * and only its reference travels on.
 */
import { Secret } from '../../activities/ports/secret.js';
import { findInstallation } from '../../client/environment.js';
import { withAccess } from '../../client/local-access.js';
import { adoptKey } from '../../client/operations/adopt-key.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { compose } from '../composition.js';
import { answer, main, option } from './process.js';
import { readSecret } from './secret-input.js';

await main(async () => {
  const credential = process.argv[2];
  const keyId = option('id');
  if (!credential) throw new RekeyError('KR_USAGE', 'adopt needs a credential');
  const value = await readSecret(null);
  const { deps, connectors } = await compose(findInstallation());
  const spec = await deps.ledger.credential(credential);
  const { idIsSecret } = (await connectors.store(await connectors.applied(), spec.store)).capabilities;
  if (idIsSecret && keyId !== null)
    throw new RekeyError('KR_USAGE', `a key of ${spec.store} is its own id, and secrets are no arguments: leave --id out`);
  if (!idIsSecret && keyId === null) throw new RekeyError('KR_USAGE', `adopt needs --id for a key of ${spec.store}`);
  if (!value && (spec.strategy === 'overlap' || idIsSecret))
    throw new RekeyError(
      'KR_USAGE',
      `the secret is read from standard input, and there is none: rekey adopt NAME${idIsSecret ? '' : ' --id ID'} < secret-file`,
    );

  const secret = value ? `vault:${await deps.vault.keep(new Secret(value))}` : null;
  const result = await withAccess((who, access) => adoptKey(who, access, { credential, store: spec.store, keyId, secret }));
  const said = result.adopted
    ? `${keyId === null ? 'the key' : `key ${keyId}`} is generation ${result.generation} of ${credential} now; it was not rotated`
    : `${credential} has generation ${result.generation} already; nothing was adopted, since to replace a key is what a rotation is for`;
  answer({ ok: true, ...result }, `${said}\nnext: rekey plan ${credential}`);
});
