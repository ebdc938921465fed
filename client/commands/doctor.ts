/** Owns `rekey doctor`: what is wrong with this installation, and the remedy. */
import { statSync } from 'node:fs';
import { requireReachable } from '../connection.js';
import { findInstallation } from '../environment.js';
import { withView } from '../ledger/views.js';
import { type Answer, asRekeyError, table } from '../output.js';

export async function doctor(): Promise<Answer> {
  const rows: { what: string; ok: boolean; detail: string; remedy: string }[] = [];
  const examine = async (what: string, remedy: string, look: () => Promise<string> | string) => {
    try {
      rows.push({ what, ok: true, detail: await look(), remedy: '' });
    } catch (error) {
      rows.push({ what, ok: false, detail: asRekeyError(error).detail, remedy });
    }
  };
  const require = (condition: boolean, detail: string): string => {
    if (!condition) throw new Error(detail);
    return detail;
  };
  await examine('node', 'install Node 20.19 or newer', () =>
    require(atLeast(process.versions.node, [20, 19]), process.versions.node),
  );
  await examine(
    'installation',
    'start `rekey up`, or set DATABASE_URL, TEMPORAL_ADDRESS and REKEY_KEYS',
    () => findInstallation().databaseUrl,
  );
  await examine('keys folder', 'chmod 700 the folder', () => {
    const folder = findInstallation().keysFolder;
    return require((statSync(folder).mode & 0o077) === 0, `${folder} has mode ${(statSync(folder).mode & 0o777).toString(8)}`);
  });
  await examine('PostgreSQL', 'start it', () => withView(async (view) => `${(await view.facts()).migrations.length} migrations`));
  await examine('clocks', 'run a time service on both machines', () =>
    withView(async (view) => {
      const apart = Math.abs((await view.facts()).now.getTime() - Date.now());
      return require(apart < 5_000, `${apart} ms apart`);
    }),
  );
  await examine('commits', 'set synchronous_commit to on', () =>
    withView(async (view) => {
      const { synchronous } = await view.facts();
      return require(synchronous !== 'off', `synchronous_commit is ${synchronous}`);
    }),
  );
  await examine('Temporal', 'start it', async () => {
    const { temporalAddress } = findInstallation();
    await requireReachable('Temporal', temporalAddress);
    return temporalAddress;
  });
  await examine('configuration', 'rekey apply -f rekey.yaml', () =>
    withView(async (view) => {
      const found = await view.configuration();
      return require(found !== null, found ? `applied ${found.applied_at.toISOString()}` : 'none was applied');
    }),
  );
  const sick = rows.filter((r) => !r.ok);
  return {
    json: { ok: sick.length === 0, checks: rows },
    text: table(
      ['check', '', 'what was found', 'remedy'],
      rows.map((r) => [r.what, r.ok ? 'ok' : 'WRONG', r.detail, r.remedy]),
    ),
    next: sick.length > 0 ? 'up' : 'status',
    exit: sick.length > 0 ? 1 : 0,
  };
}

function atLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number);
  return a > major || (a === major && b >= minor);
}
