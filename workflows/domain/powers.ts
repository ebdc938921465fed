/**
 * Owns what runs as the worker itself although a configuration names it: a worker does it where it
 * was told that it may, and never because a message or a configuration says so.
 */
import { RekeyError } from './errors.js';

/** Words of REKEY_POWERS. */
export const powers = {
  exec: 'run the commands of `exec:` references',
  module: 'load the connectors that `module:` names',
  file: 'write files and run commands on this machine for hosts of kind `file`',
} as const;
export type Power = keyof typeof powers;

/** Throws KR_POWER_WITHHELD. `what` asks for it. */
export function requirePower(held: ReadonlySet<Power>, power: Power, what: string): void {
  if (held.has(power)) return;
  throw new RekeyError('KR_POWER_WITHHELD', `${what} needs a worker that may ${powers[power]} (REKEY_POWERS=${power})`);
}
