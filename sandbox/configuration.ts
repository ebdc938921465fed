/**
 * Owns the rekey.yaml that the sandbox writes for rekey, with the files under secrets/ that it
 * refers to.
 */
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { writeAtomically } from './durable.js';
import type { Vendor } from './vendors/vendor.js';

/** Written once and then the reader's own, until a reset makes the accounts anew. */
export function writeConfiguration(home: string, vendors: readonly Vendor[], hookKey: string, anew: boolean): string {
  const file = path.join(home, 'rekey.yaml');
  if (!anew && existsSync(file)) return file;

  const secrets = path.join(home, 'secrets');
  mkdirSync(secrets, { recursive: true, mode: 0o700 });
  const parts = vendors.map((vendor) => vendor.configuration((name) => JSON.stringify(`file:${path.join(secrets, name)}`)));
  // Of the receiver of webhooks: by it every program here can also take its key over HTTP.
  writeAtomically(path.join(secrets, 'hook-signing-key'), hookKey);
  for (const [name, value] of parts.flatMap((part) => Object.entries(part.secrets)))
    writeAtomically(path.join(secrets, name), value);

  writeAtomically(
    file,
    `# The sandbox's accounts, machines and programs, as rekey sees them. Simulated vendors, real processes, live traffic:
# change what you like, break what you like. Every value that names a secret is a reference; durations are "90d", "2h", "5s".
version: 1

# Where keys are made and ended, and the credentials with which rekey manages them: never the keys that it rotates.
stores:
${parts.map((part) => part.stores).join('\n')}
# Where the programs run that use the keys.
hosts:
  machines: { kind: file } # programs on this machine, with their keys in files
${parts.map((part) => part.hosts).join('')}
# Seconds here, hours and days in earnest.
defaults:
  rollout: { canary: 1, wave: 50%, bake: 500ms }
  policy: { every: 90d, grace: 2s, soak: 0s }

credentials:
${parts.map((part) => part.credentials).join('\n')}`,
  );
  return file;
}
