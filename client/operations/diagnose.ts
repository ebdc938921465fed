/** Owns finding what is wrong with an installation, and the remedy. */
import { statSync } from 'node:fs';
import { environmentErrorCodes } from '../../workflows/domain/environment-errors.js';
import { errorCodes } from '../../workflows/domain/error-codes.js';
import type { Who } from '../../workflows/domain/who.js';
import { requireTemporal } from '../connection.js';
import { asRekeyError } from '../errors.js';
import type { Access } from './access.js';

export interface Check {
  readonly what: string;
  readonly ok: boolean;
  readonly detail: string;
  /** Empty where nothing is wrong. */
  readonly remedy: string;
}

export async function diagnose(_who: Who, access: Access): Promise<readonly Check[]> {
  const checks: Check[] = [];
  const examine = async (what: string, remedy: string, look: () => Promise<string> | string) => {
    try {
      checks.push({ what, ok: true, detail: await look(), remedy: '' });
    } catch (error) {
      const { code, detail } = asRekeyError(error);
      checks.push({ what, ok: false, detail, remedy: code in environmentErrorCodes ? errorCodes[code].remedy : remedy });
    }
  };
  await examine('node', 'install Node 20.19 or newer', () =>
    require(atLeast(process.versions.node, [20, 19]), process.versions.node),
  );
  await examine(
    'installation',
    'start `rekey up`, or set DATABASE_URL, TEMPORAL_ADDRESS and REKEY_KEYS',
    () => access.installation.databaseUrl,
  );
  await examine('keys folder', 'chmod 700 the folder', () => {
    const folder = access.installation.keysFolder;
    return require((statSync(folder).mode & 0o077) === 0, `${folder} has mode ${(statSync(folder).mode & 0o777).toString(8)}`);
  });
  await examine('PostgreSQL', 'start it', () =>
    access.readLedger(async (view) => `${(await view.facts()).migrations.length} migrations`),
  );
  await examine('clocks', 'run a time service on both machines', () =>
    access.readLedger(async (view) => {
      const apart = Math.abs((await view.facts()).now.getTime() - Date.now());
      return require(apart < 5_000, `${apart} ms apart`);
    }),
  );
  await examine('commits', 'set synchronous_commit to on', () =>
    access.readLedger(async (view) => {
      const { synchronous } = await view.facts();
      return require(synchronous !== 'off', `synchronous_commit is ${synchronous}`);
    }),
  );
  await examine('Temporal', 'start it', async () => {
    await requireTemporal(access.installation);
    return access.installation.temporalAddress;
  });
  await examine('configuration', 'rekey apply -f rekey.yaml', () =>
    access.readLedger(async (view) => {
      const found = await view.configuration();
      return require(found !== null, found ? `applied ${found.applied_at.toISOString()}` : 'none was applied');
    }),
  );
  await examine('open rotations', 'rekey show what is named, and say what it offers', () =>
    access.readLedger(async (view) => {
      const stalled = await view.stalled();
      return require(stalled.length === 0, stalled.map(({ id, waits_for }) => `${id}: ${waits_for?.text}`).join('; ') ||
        'all get on');
    }),
  );
  return checks;
}

function require(condition: boolean, detail: string): string {
  if (!condition) throw new Error(detail);
  return detail;
}

function atLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number);
  return a > major || (a === major && b >= minor);
}
