/**
 * Owns the bench of the sandbox's vendors: the general suite, and every fault at every request,
 * which only a simulator can be made to commit.
 */
import { afterEach } from 'vitest';
import { type RunningSandbox, startIdleSandbox } from '../../sandbox/support.js';
import { describeBench } from './key-store.js';
import { KeyStoreBench, type KeyStoreSubject, type StoreEntry, type StoreWorld } from './key-store-bench.js';
import { describeFaultsOfKeyStore } from './key-store-faults.js';
import { context, declared, keysOf } from './sandbox.js';

/** A vendor of the sandbox, under the name that it has there and in its rekey.yaml. */
export interface VendorSubject extends Omit<KeyStoreSubject, 'world'> {
  /** A fault body in the vendor's own form. */
  readonly faultBody: (text: string) => unknown;
  /** Where the vendor has several accounts: the one that the store is opened on. */
  readonly account?: string;
  /** What only this vendor needs before the suite, such as a higher rate limit. */
  readonly prepare?: (sandbox: RunningSandbox) => Promise<void>;
}

interface SandboxWorld extends StoreWorld {
  readonly sandbox: RunningSandbox;
}

export class SandboxBench extends KeyStoreBench<SandboxWorld> {
  constructor(readonly vendor: VendorSubject) {
    super({ ...vendor, world: () => startWorld(vendor) });
    afterEach(() => this.sandbox.tell('DELETE', '/faults'));
  }

  get sandbox(): RunningSandbox {
    return this.world.sandbox;
  }

  /** Keys that tests have left would be read, written and searched again by each that follows. */
  async renewAccount(): Promise<void> {
    await this.sandbox.tell('POST', '/reset', { programs: [] });
    this.world = await worldOf(this.sandbox, this.vendor);
  }

  /** Those of other accounts are no less secret. */
  override async secrets(): Promise<string[]> {
    return (await keysOf(this.sandbox, this.vendor.vendor)).map((row) => row.value);
  }
}

async function startWorld(subject: VendorSubject): Promise<SandboxWorld> {
  return worldOf(await startIdleSandbox(subject.vendor), subject);
}

async function worldOf(sandbox: RunningSandbox, { vendor, account, prepare }: VendorSubject): Promise<SandboxWorld> {
  await prepare?.(sandbox);
  return {
    sandbox,
    entry: declared(sandbox, 'stores', vendor) as unknown as StoreEntry,
    resolve: context(vendor).resolve,
    keys: async () => (await keysOf(sandbox, vendor)).filter((row) => row.account === account),
    end: () => sandbox.remove(),
  };
}

export function describeVendor(vendor: VendorSubject): void {
  describeBench(vendor, () => new SandboxBench(vendor), describeFaultsOfKeyStore);
}
