// @ts-check
/** Owns the form in which a password goes to the server: a verifier, so that the password itself is in no statement and no log of the server's. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

const iterations = 4096;

/** As in `pg_authid.rolpassword`; see "Password Authentication" and `CREATE ROLE … PASSWORD` in the PostgreSQL manual. @param {string} password ASCII. */
export function scramVerifier(password) {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const hmac = (/** @type {string} */ text) => createHmac('sha256', salted).update(text).digest();
  const stored = createHash('sha256').update(hmac('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${stored}:${hmac('Server Key').toString('base64')}`;
}
