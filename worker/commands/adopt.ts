/** Owns the process behind `rekey adopt`: a secret goes from standard input straight into the vault, and only its reference travels on. */
import { text } from 'node:stream/consumers';
import type { AdoptResult } from '../../activities/apply.js';
import { Secret } from '../../activities/ports/secret.js';
import { storeSealed } from '../../activities/vault/vault.js';
import { connect } from '../../client/connection.js';
import { findInstallation } from '../../client/environment.js';
import { adoptWorkflowId, mainQueue } from '../../workflows/contract.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { compose } from '../composition.js';
import { answer, main, option } from './process.js';

await main(async () => {
  const credential = process.argv[2];
  const keyId = option('id');
  if (!credential || !keyId) throw new RekeyError('KR_USAGE', 'adopt needs a credential and --id');
  const value = process.stdin.isTTY ? '' : (await text(process.stdin)).replace(/\r?\n$/, '');
  const { deps, vault, database } = await compose(findInstallation());
  const spec = await deps.ledger.credential(credential);
  if (!value && spec.strategy === 'overlap')
    throw new RekeyError(
      'KR_USAGE',
      'the secret is read from standard input, and there is none: rekey adopt NAME --id ID < secret-file',
    );

  let secret: string | null = null;
  if (value) {
    const sealed = await vault.seal(new Secret(value));
    await database.transaction((client) => storeSealed(client, sealed));
    secret = `vault:${sealed.ref}`;
  }
  const { client } = await connect(findInstallation());
  const result = (await client.workflow.execute('adoptCredential', {
    workflowId: adoptWorkflowId(credential),
    taskQueue: mainQueue,
    args: [{ credential, keyId, secret, store: spec.store, by: `cli:${process.env.USER ?? process.getuid?.() ?? 'unknown'}` }],
  })) as AdoptResult;
  const said = result.adopted
    ? `key ${keyId} is generation ${result.generation} of ${credential} now; it was not rotated`
    : `${credential} has generation ${result.generation} already; nothing was adopted, since to replace a key is what a rotation is for`;
  answer({ ok: true, ...result }, `${said}\nnext: rekey plan ${credential}`);
});
