/**
 * Owns what of dist is kept from one build to the next: what was made of the same inputs, by the
 * same Node.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '..');

/**
 * Runs `make` unless `stamp` says that it ran on these files and folders before. The versions of
 * all packages are among the inputs.
 */
export async function keptOr(stamp, inputs, make) {
  const hash = createHash('sha256').update(`${process.version} ${process.platform} ${process.arch}`);
  for (const file of [...inputs, 'build', 'package-lock.json'].flatMap((input) => filesOf(path.join(root, input))))
    hash.update(`\0${path.relative(root, file)}\0`).update(readFileSync(file));
  const key = hash.digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === key) return;
  await make();
  writeFileSync(stamp, key);
}

function filesOf(input) {
  if (!statSync(input).isDirectory()) return [input];
  const names = readdirSync(input, { recursive: true, encoding: 'utf8' }).sort();
  return names.map((name) => path.join(input, name)).filter((file) => statSync(file).isFile() && !/\.(map|d\.ts)$/.test(file));
}
