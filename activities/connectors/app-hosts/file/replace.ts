/** Owns the atomic replacement of a file: written aside in the same folder, synced, renamed. */
import { randomUUID } from 'node:crypto';
import { open, readdir, rename, unlink } from 'node:fs/promises';
import path from 'node:path';

export interface Ownership {
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * `stillWanted` is asked at the last moment, when only the rename is left; on false nothing has
 * changed.
 */
export async function replaceFile(
  file: string,
  content: Buffer,
  owner: Ownership,
  stillWanted: () => Promise<boolean> = async () => true,
): Promise<boolean> {
  const aside = `${asidePrefix(file)}${randomUUID()}`;
  try {
    const handle = await open(aside, 'wx', 0o600);
    try {
      await handle.writeFile(content);
      const now = await handle.stat();
      const [uid, gid] = [owner.uid ?? now.uid, owner.gid ?? now.gid];
      if (uid !== now.uid || gid !== now.gid) await handle.chown(uid, gid);
      await handle.chmod(owner.mode);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (!(await stillWanted())) {
      await unlink(aside);
      return false;
    }
    await rename(aside, file);
  } catch (error) {
    await unlink(aside).catch(() => undefined);
    throw error;
  }
  await syncFolder(path.dirname(file));
  return true;
}

/** Files that a killed writer left behind hold secrets. Call it under the lock. */
export async function removeLeftovers(file: string): Promise<void> {
  const folder = path.dirname(file);
  const prefix = path.basename(asidePrefix(file));
  for (const name of await readdir(folder)) if (name.startsWith(prefix)) await unlink(path.join(folder, name));
}

function asidePrefix(file: string): string {
  return path.join(path.dirname(file), `.${path.basename(file)}.rekey-new-`);
}

/**
 * Without it a crash of the machine could undo the rename; where folders cannot be synced, that is
 * as good as it gets.
 */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
