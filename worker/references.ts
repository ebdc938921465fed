/**
 * Owns the resolving of references to secrets, afresh at each use and on this machine: `env:NAME`,
 * `file:/path`, `exec:command`.
 */
import { readFile } from 'node:fs/promises';
import { childEnvironment, runProgram } from '../activities/ports/child.js';
import { Secret } from '../activities/ports/secret.js';
import { RekeyError } from '../workflows/domain/errors.js';
import { type Power, requirePower } from '../workflows/domain/powers.js';

/** Throws KR_POWER_WITHHELD for a command that this worker may not run. */
export async function resolveReference(reference: string, held: ReadonlySet<Power>): Promise<Secret> {
  const [, kind, rest] = /^(env|file|exec):(.+)$/s.exec(reference) ?? [];
  if (kind === 'exec') requirePower(held, 'exec', reference);
  const value = await read(kind, rest ?? '').catch(() => undefined);
  // A trailing line end is what editors and `echo` add; it is never part of a key.
  const trimmed = value?.replace(/\r?\n$/, '');
  if (!trimmed)
    throw new RekeyError(
      'KR_REFERENCE_UNRESOLVED',
      `${kind ? reference : 'a reference that is none of env:, file:, exec:'} gives nothing on this machine`,
    );
  return new Secret(trimmed);
}

async function read(kind: string | undefined, rest: string): Promise<string | undefined> {
  switch (kind) {
    case 'env':
      return process.env[rest];
    case 'file':
      return readFile(rest, 'utf8');
    case 'exec':
      return (await runProgram('/bin/sh', ['-c', rest], { env: childEnvironment(), timeout: 10_000, maxBuffer: 64 * 1024 }))
        .stdout;
    default:
      return undefined;
  }
}
