/**
 * Owns the connection to PostgreSQL: pool, transactions, and the one place where its faults become
 * errors with a code.
 */
import pg from 'pg';
import { RekeyError } from '../../workflows/domain/errors.js';
import { requireOwnFile } from '../ports/own-file.js';

export type Queryable = Pick<pg.PoolClient, 'query'>;

/** Whatever answers one statement: a connection within a transaction, or the database itself. */
export interface Asking {
  query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<pg.QueryResult<Row>>;
}

export interface Database extends Asking {
  transaction<Result>(work: (client: Queryable) => Promise<Result>): Promise<Result>;
  end(): Promise<void>;
}

/**
 * The address with the password of the file in it: `pg` would let an address without one override a
 * password that is given beside it. Never shown.
 */
export function withPassword(url: string, passwordFile: string | null): string {
  if (!passwordFile) return url;
  const address = new URL(url);
  address.password = encodeURIComponent(requireOwnFile(passwordFile).trim());
  return address.href;
}

export function openDatabase(url: string, passwordFile: string | null, maxConnections = 10): Database {
  const pool = new pg.Pool({
    connectionString: withPassword(url, passwordFile),
    max: maxConnections,
    connectionTimeoutMillis: 3_000,
    // A server that hangs must not hold a step for ever: the attempt is repeated, and finds its own
    // intent.
    query_timeout: 10_000,
    application_name: 'rekey',
  });
  // An idle connection that breaks is replaced at the next use; without a listener it would end the
  // process.
  pool.on('error', () => undefined);

  return {
    query: <Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []) =>
      // The same errors as within a transaction: raw ones would be taken for faults of ours.
      pool.query<Row>(sql, values).catch((error: unknown) => {
        throw translate(error);
      }),
    end: () => pool.end(),
    async transaction(work) {
      const client = await pool.connect().catch((error: unknown) => {
        throw unavailable(error);
      });
      let broken: Error | undefined;
      try {
        await client.query('begin');
        const result = await work(client);
        await client.query('commit');
        return result;
      } catch (error) {
        if (error instanceof RekeyError) {
          await client.query('rollback').catch((fault: Error) => (broken = fault));
          throw error;
        }
        broken = error as Error;
        throw translate(error);
      } finally {
        // A connection in doubt is thrown away, never handed to the next transaction.
        client.release(broken);
      }
    },
  };
}

/** Constraint names that mean something to a person. */
const constraints: Readonly<Record<string, () => RekeyError>> = {
  versions_one_owner_per_key: () =>
    new RekeyError('KR_PREFLIGHT_REFUSED', 'another credential already holds this key of the store'),
  runs_one_open: () => new RekeyError('KR_ALREADY_OPEN', 'a rotation of this credential is open'),
};

function translate(error: unknown): Error {
  const fault = error as { code?: string; constraint?: string };
  const known = fault.constraint ? constraints[fault.constraint] : undefined;
  if (known) return known();
  // A constraint that is violated or a statement that is wrong will not heal; everything else is
  // the server's state or the network.
  if (fault.code && /^(22|23|42)/.test(fault.code))
    return new RekeyError(
      'KR_INTERNAL',
      `PostgreSQL refused a statement (${fault.code}${fault.constraint ? `, ${fault.constraint}` : ''})`,
    );
  return unavailable(error);
}

function unavailable(error: unknown): RekeyError {
  const code = (error as { code?: string }).code;
  return new RekeyError('KR_LEDGER_UNAVAILABLE', `PostgreSQL does not answer${code ? ` (${code})` : ''}`);
}
