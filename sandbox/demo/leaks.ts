/** Owns the search for secrets in everything that rekey wrote, stored, said or was started with. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Rekey } from './rekey.js';

/**
 * The places where a secret was found; none is what is wanted. The vendors' and programs' own files
 * are where keys belong, and are left out.
 */
export async function findLeaks(rekey: Rekey, values: readonly string[]): Promise<readonly string[]> {
  // A management key that is a UUID is an id, and stands in configurations.
  const secrets = [...new Set(values)].filter((value) => value.length >= 20).map((value) => Buffer.from(value));
  const places: [string, Buffer][] = [
    ['the output', Buffer.from(rekey.said.join('\n'))],
    ['the arguments of a process', execFileSync('ps', ['-eo', 'args'])],
  ];
  for (const folder of ['logs', 'temporal']) {
    for (const name of readdirSync(path.join(rekey.home, folder)))
      places.push([`${folder}/${name}`, readFileSync(path.join(rekey.home, folder, name))]);
  }
  const tables = await rekey.query<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
  );
  for (const { name } of tables) {
    const rows = await rekey.query<{ text: string }>(`select t::text as text from "${name}" t`);
    places.push([`table ${name}`, Buffer.from(rows.map((row) => row.text).join('\n'))]);
  }
  return places.filter(([, bytes]) => secrets.some((secret) => bytes.includes(secret))).map(([place]) => place);
}
