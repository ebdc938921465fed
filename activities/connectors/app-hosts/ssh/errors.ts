/**
 * Owns what the failures of a connection, and of rekey's own scripts on a machine, mean for a
 * hand-out.
 */
import { RekeyError } from '../../../../workflows/domain/errors.js';
import { scrub } from '../../http/scrub.js';
import { codeOf, refusedFile } from '../../machines/errors.js';
import { longestSource } from '../../machines/source.js';

/**
 * The library names the level on which a connection failed; its messages are not shown, since they
 * hold bytes of the other side.
 */
export function connectionFault(error: Error & { level?: string }, address: string, user: string): RekeyError {
  if (error.level === 'client-authentication')
    return refused(
      `${address}: the machine does not take our key for ${user}; put its public half into that account's authorized_keys`,
    );
  if (/no matching/.test(error.message))
    return refused(
      `${address}: it has no host key, or no cipher, of a kind that we know and take; add one of its kinds to known_hosts`,
    );
  return new RekeyError('KR_HOST_UNAVAILABLE', `${address}: no connection (${codeOf(error) ?? error.level ?? 'no reason'})`);
}

/**
 * What `management.privateKey` of the host leads to cannot be used; the reason is not shown, since
 * it could quote the key.
 */
export function privateKeyFault(host: string): RekeyError {
  return refused(
    `${host}: management.privateKey is no private key that we can read; if it has a passphrase, name management.passphrase`,
  );
}

/** The exit codes of the scripts in `scripts.ts`. */
export const exits = { missing: 44, notAFile: 45, tooLong: 46, locked: 73, changed: 74, cut: 75 } as const;

/** A script that ended before it changed anything. */
export function scriptFault(exitCode: number | null, said: string, file: string): RekeyError {
  if (exitCode === exits.missing) return refused(`${file} does not exist`);
  if (exitCode === exits.notAFile) return refusedFile(file, 'it is not a regular file');
  if (exitCode === exits.tooLong) return refusedFile(file, `it is longer than ${longestSource} bytes`);
  if (exitCode === exits.locked) return new RekeyError('KR_HOST_UNAVAILABLE', `${file} is held by another writer`);
  const text = scrub(said.trimEnd().split('\n').at(-1) ?? '') || `exit code ${exitCode}`;
  // What stays until a person changes something: rights, missing programs, a folder that has gone.
  const lasting = asksPassword.test(said) || /denied|not permitted|read-only|no such file|not found/i.test(said);
  const cure = asksPassword.test(said) ? '; allow it without one (NOPASSWD in sudoers)' : '';
  return new RekeyError(lasting ? 'KR_HOST_REFUSED' : 'KR_HOST_UNAVAILABLE', `${file}: ${text}; nothing was changed${cure}`);
}

/** sudo(8) with `-n`; older ones name the terminal that they miss. */
const asksPassword = /a password is required|a terminal is required|may not run/i;

function refused(detail: string): RekeyError {
  return new RekeyError('KR_HOST_REFUSED', detail);
}
