/**
 * Owns the process behind `rekey vault rewrap`: a new master key wraps every data key, then it is
 * the current one.
 */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { findInstallation } from '../../client/environment.js';
import { compose } from '../composition.js';
import { answer, main, option } from './process.js';

await main(async () => {
  const installation = findInstallation();
  const { vault } = await compose(installation);
  const to = option('to') ?? newKey(installation.keysFolder);
  const rewrapped = await vault.rewrap(to);
  answer(
    { ok: true, masterKey: to, rewrapped },
    `${rewrapped} values are wrapped under vault-${to} now; keep the old key file for backups that were made before\nnext: rekey doctor`,
  );
});

/** `wx`: a key file is never written over. */
function newKey(folder: string): string {
  const id = randomBytes(4).toString('hex');
  writeFileSync(path.join(folder, `vault-${id}.key`), `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
  return id;
}
