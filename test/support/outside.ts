/**
 * Owns a package as a third party has it: in a folder of its own, with `rekey` among its
 * dependencies.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

/** Copies the example; its dependencies are links to what an installation would put there. */
export function outsidePackage(example: string): { readonly folder: string; readonly remove: () => void } {
  const home = mkdtempSync(path.join(os.tmpdir(), 'rekey-outside-'));
  const folder = path.join(home, example);
  cpSync(path.join(root, 'examples', example), folder, { recursive: true, filter: (file) => !file.includes('node_modules') });
  mkdirSync(path.join(folder, 'node_modules', '@types'), { recursive: true });
  symlinkSync(root, path.join(folder, 'node_modules', 'rekey'));
  for (const name of ['pg', 'vitest', '@types/pg', '@types/node'])
    symlinkSync(path.join(root, 'node_modules', name), path.join(folder, 'node_modules', name));
  return { folder, remove: () => rmSync(home, { recursive: true, force: true }) };
}
