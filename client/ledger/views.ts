/**
 * Owns how the command line looks into the ledger: read-only, through its views, with an answer
 * within a second when nobody is there.
 */
import pg from 'pg';
import { requireOwnFile } from '../../activities/ports/own-file.js';
import type { Configuration } from '../../workflows/domain/configuration.js';
import type { CredentialSpec, Exemption, JsonObject, RunOptions } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { FoundCounts, IncidentState, ItemOutcome, Way } from '../../workflows/domain/incident.js';
import type { Inspection } from '../../workflows/domain/observations.js';
import type { Direction, Outcome, Phase, RunKind, Strategy, VersionState } from '../../workflows/domain/states.js';
import type { WaitKind } from '../../workflows/domain/waits.js';
import type { Who } from '../../workflows/domain/who.js';
import type { Installation } from '../environment.js';
import { isUnproved } from '../reach.js';

interface WaitShown {
  /** Null of a run that has stopped getting on: it waits for nothing. */
  readonly number: number | null;
  readonly kind: WaitKind | 'stalled';
  readonly text: string;
  readonly person: boolean;
  readonly since: string;
  readonly deadline: string | null;
  readonly nextCommands: readonly string[];
  readonly instructions?: readonly string[];
}

export interface CredentialShown {
  readonly name: string;
  readonly store: string;
  readonly strategy: Strategy;
  readonly spec: CredentialSpec;
  readonly labels: readonly string[];
  readonly next_due: Date | null;
  readonly declared: boolean;
  readonly generation: number | null;
  readonly run: string | null;
  readonly phase: Phase | null;
  readonly outcome: Outcome | null;
  readonly waits_for: WaitShown | null;
}

export interface RunShown {
  readonly id: string;
  readonly credential: string;
  readonly kind: RunKind;
  readonly generation: number | null;
  readonly previous_generation: number | null;
  readonly strategy: Strategy;
  readonly phase: Phase;
  readonly direction: Direction;
  readonly outcome: Outcome | null;
  readonly reason: string | null;
  readonly options: RunOptions;
  readonly exempt: readonly Exemption[];
  readonly waits_for: WaitShown | null;
  readonly paused: boolean;
  readonly downtime_ms: number | null;
  readonly seconds: string;
  readonly workflow_run: string;
}

export interface StepShown {
  readonly key: string;
  readonly kind: string;
  readonly phase: Phase;
  readonly subject: string | null;
  readonly done: boolean;
  readonly attempts: string;
  readonly began_at: Date;
  readonly ended_at: Date | null;
}

export interface KeyShown {
  readonly credential: string;
  readonly generation: number;
  readonly state: string;
  readonly key_id: string;
  readonly origin: string;
  readonly fingerprint: string | null;
  readonly in_vault: boolean;
  readonly made_at: Date;
}

/** A version, and what a leaked value is recognized by. */
export interface KnownKey {
  readonly credential: string;
  readonly generation: number;
  readonly store: string;
  readonly state: VersionState;
  /** Null where rekey never saw its secret. */
  readonly digest: string | null;
  readonly key_id: string;
  /** The id itself where that is one already; null where the id is too short to say anything. */
  readonly key_id_handle: string | null;
  /** Whether a later version has the same id, which then speaks of that one. */
  readonly id_goes_on: boolean;
}

export interface IncidentShown {
  readonly id: string;
  readonly number: number;
  readonly way: Way;
  readonly reason: string;
  readonly revoke_by: Date | null;
  readonly state: IncidentState;
  readonly found: FoundCounts;
  readonly opened_by: Who;
  readonly opened_at: Date;
  readonly closed_at: Date | null;
  readonly selected: number;
  readonly done: number;
  readonly failed: number;
  readonly already_dead: number;
  readonly waiting: number;
  /** Milliseconds since it was opened. */
  readonly age: number;
}

export interface IncidentKeyShown {
  readonly credential: string;
  readonly generation: number;
  readonly state: VersionState;
  readonly leaked_at: Date | null;
  readonly reported_at: Date | null;
  readonly replaced_at: Date | null;
  readonly dead_at: Date | null;
  /** Consumers that had not confirmed when it died at the moment that was set. */
  readonly late: readonly string[];
  readonly outcome: ItemOutcome | null;
  readonly reason: string | null;
  readonly run: string | null;
  readonly open_run: string | null;
  readonly waits_for: WaitShown | null;
  /** How many its open run hands the next key to. */
  readonly programs: number;
  /** Milliseconds from the opening to the proof of its death. */
  readonly revoked_ms: string | null;
}

const incidentShown = '*, (extract(epoch from clock_timestamp() - opened_at) * 1000)::float8 as age from incident_status';

export class LedgerView {
  private constructor(private readonly client: pg.Client) {}

  /** Throws KR_SERVICE_AWAY within a second when PostgreSQL does not answer. */
  static async open(installation: Installation): Promise<LedgerView> {
    const url = new URL(installation.databaseUrl);
    const shown = `${url.hostname}:${url.port || 5432}`;
    if (installation.passwordFile) url.password = encodeURIComponent(requireOwnFile(installation.passwordFile).trim());
    const client = new pg.Client({
      connectionString: url.href,
      connectionTimeoutMillis: 900,
      query_timeout: 5_000,
      application_name: 'rekey-cli',
      options: '-c default_transaction_read_only=on',
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      throw new RekeyError('KR_SERVICE_AWAY', `PostgreSQL at ${shown} ${whyNot((error as { code?: string }).code)}`);
    }
    return new LedgerView(client);
  }

  close(): Promise<void> {
    return this.client.end();
  }

  async credentials(name?: string): Promise<readonly CredentialShown[]> {
    return this.#rows<CredentialShown>(
      'select * from credential_status where declared and ($1::text is null or name = $1) order by name',
      [name ?? null],
    );
  }

  /** Throws KR_NOT_FOUND, naming what there is. */
  async credential(name: string): Promise<CredentialShown> {
    const all = await this.credentials();
    const found = all.find((c) => c.name === name);
    if (!found)
      throw new RekeyError(
        'KR_NOT_FOUND',
        `there is no credential ${name}; there is ${all.map((c) => c.name).join(', ') || 'none, apply a configuration first'}`,
      );
    return found;
  }

  /** By its id, or the newest one of a credential. */
  async run(idOrName: string): Promise<RunShown> {
    const found = await this.findRun(idOrName);
    if (!found) throw new RekeyError('KR_NOT_FOUND', `there is no rotation ${idOrName}`);
    return found;
  }

  /** A run by its id; else the newest one of the credential of that name. */
  async findRun(idOrName: string): Promise<RunShown | null> {
    const rows = await this.#rows<RunShown>(
      'select * from run_status where id = $1 or credential = $1 order by id = $1 desc, opened_at desc limit 1',
      [idOrName],
    );
    return rows[0] ?? null;
  }

  /** Open runs that do not get on, as the sweep has found them. */
  stalled(): Promise<readonly RunShown[]> {
    return this.#rows(`select * from run_status where outcome is null and waits_for->>'kind' = 'stalled' order by opened_at`);
  }

  steps(rotation: string): Promise<readonly StepShown[]> {
    return this.#rows('select * from step_status where run = $1 order by began_at', [rotation]);
  }

  async evidence(rotation: string): Promise<readonly { readonly seen: Inspection; readonly at: Date }[]> {
    return this.#rows(
      `select distinct on (subject) seen, last_at as at from observations where run = $1 and kind = 'inspection' order by subject, id desc`,
      [rotation],
    );
  }

  keys(credential?: string): Promise<readonly KeyShown[]> {
    return this.#rows('select * from key_status where ($1::text is null or credential = $1) order by credential, generation', [
      credential ?? null,
    ]);
  }

  /** Versions of which one of these is the digest of the secret, or stands for the key's id. */
  knownKeys(digests: readonly string[], handles: readonly string[]): Promise<readonly KnownKey[]> {
    return this.#rows('select * from known_keys where digest = any($1) or key_id_handle = any($2)', [digests, handles]);
  }

  /** Versions that are not dead and whose secret rekey never saw. */
  unseenKeys(): Promise<readonly KnownKey[]> {
    return this.#rows(`select * from known_keys where digest is null and state <> 'revoked'`);
  }

  incidents(): Promise<readonly IncidentShown[]> {
    return this.#rows(`select ${incidentShown} order by number`);
  }

  /** Throws KR_NOT_FOUND. */
  async incident(number: number): Promise<IncidentShown> {
    const [found] = await this.#rows<IncidentShown>(`select ${incidentShown} where number = $1`, [number]);
    if (!found) throw new RekeyError('KR_NOT_FOUND', `there is no incident ${number}`);
    return found;
  }

  incidentKeys(incident: string): Promise<readonly IncidentKeyShown[]> {
    return this.#rows(
      `select s.*, coalesce(jsonb_array_length(r.targets), 0) as programs
       from incident_item_status s left join run_status r on r.id = s.open_run where s.incident = $1 order by s.position`,
      [incident],
    );
  }

  /** Those that it has begun or told, and that have not ended. */
  openRunsOf(incident: string): Promise<readonly { readonly id: string; readonly credential: string }[]> {
    return this.#rows('select id, credential from runs where incident = $1 and outcome is null order by id', [incident]);
  }

  auditTail(
    credential: string,
    count: number,
  ): Promise<readonly { readonly at: Date; readonly kind: string; readonly who: Who; readonly body: JsonObject }[]> {
    return this.#rows(
      'select * from (select * from audit_events where credential = $1 order by position desc limit $2) tail order by position',
      [credential, count],
    );
  }

  async configuration(): Promise<{ readonly document: Configuration; readonly hash: string; readonly applied_at: Date } | null> {
    return (
      (
        await this.#rows<{ document: Configuration; hash: string; applied_at: Date }>(
          'select * from configurations order by position desc limit 1',
        )
      )[0] ?? null
    );
  }

  async facts(): Promise<{ readonly now: Date; readonly synchronous: string; readonly migrations: readonly string[] }> {
    const [row] = await this.#rows<{ now: Date; synchronous: string }>(
      `select clock_timestamp() as now, current_setting('synchronous_commit') as synchronous`,
    );
    const migrations = await this.#rows<{ name: string }>('select name from schema_migrations order by name').catch(() => []);
    return { ...row!, migrations: migrations.map((m) => m.name) };
  }

  async #rows<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
    try {
      return (await this.client.query<Row>(sql, values)).rows;
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === '42P01') throw new RekeyError('KR_SCHEMA_OLDER', 'the database has no ledger yet');
      throw new RekeyError('KR_SERVICE_AWAY', `PostgreSQL stopped answering${code ? ` (${code})` : ''}`);
    }
  }
}

function whyNot(code: string | undefined): string {
  if (code?.startsWith('28')) return 'refuses the password';
  return isUnproved(code) ? `does not prove to be it (${code})` : 'is away';
}
