// @ts-check
/** Owns one connection to the server: its deadline, and its faults as errors that say whether something may have happened. */
import pg from 'pg';
import { RekeyError, scrub, within } from 'rekey';

/**
 * @typedef {object} Login
 * @property {string} address
 * @property {string} user
 * @property {import('rekey').Secret} password
 *
 * @typedef {object} Session
 * @property {(sql: string, values?: unknown[]) => Promise<any[]>} look
 * @property {(sql: string) => Promise<void>} send Changes something. Statements of one text are one transaction.
 */

/** Says no to a login: a wrong password, a role that may not log in, a database that it may not enter. */
const refusals = ['28P01', '28000', '42501'];

/**
 * @template Result
 * @param {{ name: string, title: string, request: number }} call
 * @param {Login} login
 * @param {AbortSignal} signal
 * @param {(session: Session) => Promise<Result>} work
 * @returns {Promise<Result>}
 */
export async function withSession({ name, title, request }, login, signal, work) {
  const bounded = within(signal, request);
  let [connected, sent, done] = [false, false, false];
  const fault = (/** @type {unknown} */ error) => {
    const { code, message } = /** @type {{ code?: string, message?: string }} */ (error ?? {});
    const said = `${name}: ${title}: ${scrub(`${message ?? 'no answer'}${code ? ` (${code})` : ''}`, [login.password])}`;
    if (error instanceof RekeyError) return error;
    if (!connected && refusals.includes(code ?? '')) return new RekeyError('KR_STORE_UNAUTHORIZED', said);
    // What the server itself refuses did not happen, unless something before it did.
    const isAnswer = connected && /^[0-9A-Z]{5}$/.test(code ?? '') && !/^(08|57P)/.test(code ?? '');
    if (sent && (done || !isAnswer)) return new RekeyError('KR_STORE_UNCLEAR', said);
    return new RekeyError(isAnswer && /^(0A|2|3|42)/.test(code ?? '') ? 'KR_STORE_REFUSED' : 'KR_STORE_UNAVAILABLE', said);
  };

  if (bounded.aborted) throw fault({ message: 'given up before it began' });
  const url = new URL(login.address);
  url.username = encodeURIComponent(login.user);
  url.password = encodeURIComponent(login.password.reveal());
  const client = new pg.Client({
    connectionString: url.href,
    connectionTimeoutMillis: request,
    // The server gives up with us, so that nothing lands long after.
    statement_timeout: request,
    application_name: name,
  });
  client.on('error', () => undefined);
  /** @type {Promise<never>} */
  const givenUp = new Promise((_, reject) =>
    bounded.addEventListener('abort', () => reject(new Error('no answer within the deadline')), { once: true }),
  );
  /** @type {Session} */
  const session = {
    look: async (sql, values) => (await client.query(sql, values)).rows,
    send: async (sql) => {
      bounded.throwIfAborted();
      sent = true;
      await client.query(sql);
      done = true;
    },
  };
  const perform = async () => {
    await client.connect();
    connected = true;
    return work(session);
  };
  try {
    return await Promise.race([givenUp, perform()]);
  } catch (error) {
    throw fault(error);
  } finally {
    client.end().catch(() => undefined);
  }
}
