/**
 * Owns how operations reach an installation: its ledger and its Temporal, each opened when it is
 * first needed, and opened anew after it was away.
 */
import type { Client } from '@temporalio/client';
import { connect } from '../connection.js';
import type { Installation } from '../environment.js';
import { asRekeyError } from '../errors.js';
import { LedgerView } from '../ledger/views.js';

export class Access {
  #view: Promise<LedgerView> | null = null;
  #temporal: ReturnType<typeof connect> | null = null;

  /** `find` throws where there is no installation. */
  constructor(private readonly find: () => Installation) {}

  get installation(): Installation {
    return this.find();
  }

  /** Throws KR_SERVICE_AWAY within a second where PostgreSQL does not answer. */
  async readLedger<Result>(read: (view: LedgerView) => Promise<Result>): Promise<Result> {
    this.#view ??= LedgerView.open(this.installation);
    const opened = this.#view;
    try {
      return await read(await opened);
    } catch (error) {
      const fault = asRekeyError(error);
      if (fault.code === 'KR_SERVICE_AWAY' && this.#view === opened) {
        this.#view = null;
        await closed(opened);
      }
      throw fault;
    }
  }

  /** Whatever fails in there, here or in a workflow, comes out as an error of ours. */
  async callTemporal<Result>(call: (client: Client) => Promise<Result>): Promise<Result> {
    this.#temporal ??= connect(this.installation);
    const connected = this.#temporal;
    try {
      const { client } = await connected.catch((error: unknown) => {
        if (this.#temporal === connected) this.#temporal = null;
        throw error;
      });
      return await call(client);
    } catch (error) {
      throw asRekeyError(error);
    }
  }

  async close(): Promise<void> {
    const open = [this.#view, this.#temporal];
    [this.#view, this.#temporal] = [null, null];
    await Promise.all(open.map(closed));
  }
}

/** What was never opened, or is gone already, is closed. */
async function closed(opened: Promise<{ close(): Promise<void> }> | null): Promise<void> {
  await opened?.then((it) => it.close()).catch(() => undefined);
}
