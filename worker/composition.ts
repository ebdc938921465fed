/** Owns the putting together: the one place where ports meet their classes. */
import type { Deps } from '../activities/deps.js';
import type { Engine } from '../activities/ports/engine.js';
import type { Ledger } from '../activities/ports/ledger.js';
import { openLedger } from '../activities/postgres/ledger.js';
import { checkSchema } from '../activities/postgres/migrate.js';
import { type Database, openDatabase } from '../activities/postgres/pool.js';
import { sealedSecrets } from '../activities/postgres/sealed-secrets.js';
import { KeyFolder } from '../activities/vault/key-folder.js';
import { EnvelopeVault } from '../activities/vault/vault.js';
import type { Installation } from '../client/environment.js';
import { Connectors } from './connectors.js';
import { engineOf } from './engine.js';
import type { HeadKeeper } from './heads.js';
import { resolveReference } from './references.js';

export interface Composition {
  readonly deps: Deps & { readonly engine: Engine };
  readonly database: Database;
  readonly vault: EnvelopeVault;
  readonly vaultKeys: KeyFolder;
  readonly connectors: Connectors;
}

/** Throws KR_SCHEMA_OLDER or KR_SCHEMA_NEWER when this release does not fit the database. */
export async function compose(installation: Installation, heads: HeadKeeper | null = null): Promise<Composition> {
  const database = openDatabase(installation.databaseUrl, installation.passwordFile);
  await checkSchema(database);
  const ledger = keepingHeads(await openLedger(database), heads);
  const vaultKeys = new KeyFolder(installation.keysFolder, 'vault');
  const vault = new EnvelopeVault(sealedSecrets(database), vaultKeys);
  const resolve = (reference: string) => resolveReference(reference, installation.powers);
  const connectors = new Connectors(ledger, resolve, installation.powers);
  return {
    deps: { ledger, vault, connectors, resolve, engine: engineOf(installation) },
    database,
    vault,
    vaultKeys,
    connectors,
  };
}

/** The head at which a run ends is kept at once. */
function keepingHeads(ledger: Ledger, heads: HeadKeeper | null): Ledger {
  if (!heads) return ledger;
  return {
    ...ledger,
    async close(step, ...how) {
      const head = await ledger.close(step, ...how);
      heads.keep(step.credential, head);
      return head;
    },
  };
}
