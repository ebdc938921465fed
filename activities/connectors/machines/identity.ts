/** Owns by what the worker's own machine is known. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';

/**
 * systemd asks not to show a machine's id (machine-id(5)), so a hash of it stands for the machine.
 */
export async function ownIdentity(): Promise<string> {
  const id = await readFile('/etc/machine-id', 'utf8').catch(() => '');
  return createHash('sha256')
    .update(`rekey:host:v1:${id.trim() || hostname()}`)
    .digest('hex')
    .slice(0, 16);
}
