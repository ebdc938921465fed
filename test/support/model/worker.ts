/**
 * Owns one worker of a modelled world: it stands still before everything that it asks of the
 * outside, until the model lets it go on, and may never be let.
 */
import type { Deps } from '../../../activities/deps.js';
import { openLedger } from '../../../activities/postgres/ledger.js';
import type { Database } from '../../../activities/postgres/pool.js';
import { sealedSecrets } from '../../../activities/postgres/sealed-secrets.js';
import type { KeyFolder } from '../../../activities/vault/key-folder.js';
import { EnvelopeVault } from '../../../activities/vault/vault.js';
import { RekeyError } from '../../../workflows/domain/errors.js';
import { connectorsOf } from '../connectors.js';
import type { Clock } from './clock.js';
import type { ModelVendor } from './vendor.js';

export interface Gate {
  readonly label: string;
  /** The ways on which it can go wrong; it can always go well. */
  readonly ways: readonly string[];
  readonly open: (way: string) => void;
}

export class Worker {
  /** Where it stands; null while it runs, and when it has ended. */
  gate: Gate | null = null;
  ended: { readonly error: unknown } | null = null;
  dead = false;
  /** The attempt of `once` that it makes, and when its deadline comes. */
  attempt: string | null = null;
  deadline = Number.POSITIVE_INFINITY;
  readonly began: number;
  #stands: () => void = () => undefined;

  constructor(
    readonly number: number,
    readonly fence: number,
    private readonly clock: Clock,
  ) {
    this.began = clock.now;
  }

  get live(): boolean {
    return !this.dead && this.ended === null;
  }

  pass(label: string, ways: readonly string[]): Promise<string> {
    return new Promise((open) => {
      this.gate = { label, ways, open };
      this.#stands();
    });
  }

  /** Begins, and comes to stand before the first thing that it asks. */
  start(run: () => Promise<unknown>): Promise<void> {
    return this.#until(() => {
      run().then(
        () => this.#end(null),
        (error: unknown) => this.#end(error),
      );
    });
  }

  /** Goes on to the next thing that it asks of the outside, or to its end. */
  go(way: string): Promise<void> {
    const { open } = this.gate!;
    this.gate = null;
    return this.#until(() => open(way));
  }

  async #until(move: () => void): Promise<void> {
    const stands = new Promise<void>((resolve) => {
      this.#stands = resolve;
    });
    this.clock.heard = (at) => {
      this.deadline = at;
    };
    move();
    await stands;
    this.clock.heard = () => undefined;
  }

  #end(error: unknown): void {
    this.ended = { error };
    this.#stands();
  }

  /** Ledger, vault and store as this worker reaches them. */
  async deps(real: Database, keys: KeyFolder, vendor: ModelVendor): Promise<Deps> {
    let reached = false;
    const away = () => new RekeyError('KR_LEDGER_UNAVAILABLE', 'PostgreSQL does not answer');
    const database: Database = {
      ...real,
      query: async (sql, values) => {
        if (reached && (await this.pass('query', ['away'])) === 'away') throw away();
        await this.clock.show(real);
        return real.query(sql, values);
      },
      transaction: async (work) => {
        const way = reached ? await this.pass('transaction', ['away', 'unheard']) : 'well';
        if (way === 'away') throw away();
        await this.clock.show(real);
        const result = await real.transaction(work);
        // Committed, but the connection broke before the answer came.
        if (way === 'unheard') throw away();
        return result;
      },
    };
    const ledger = await openLedger(database);
    reached = true;
    const store = vendor.seenBy(this);
    return {
      ledger: {
        ...ledger,
        once: (step, options, body) =>
          ledger.once(step, options, (attempt) => {
            this.attempt = attempt.id;
            return body(attempt);
          }),
      },
      vault: new EnvelopeVault(sealedSecrets(database), keys),
      connectors: connectorsOf({ store }),
      resolve: () => Promise.reject(new Error('no reference is asked for here')),
    };
  }
}
