/**
 * Owns what a play in the sandbox begins and ends with: a rekey in a folder of its own, of which
 * nothing is left, however it ends.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { type Ready, Rekey } from './rekey.js';

export const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** `play` answers whether every promise held. */
export async function onStage(
  vendors: readonly string[],
  play: (rekey: Rekey, ready: Ready) => Promise<boolean>,
): Promise<never> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'rekey-demo-'));
  const rekey = new Rekey(path.join(folder, 'home'), vendors, say);
  let ending: Promise<never> | null = null;
  // Once; whoever comes second waits for the first, and its exit code counts.
  const end = (code: number): Promise<never> => {
    ending ??= (async () => {
      await rekey.stop();
      rmSync(folder, { recursive: true, force: true });
      process.exit(code);
    })();
    return ending;
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      say('ending everything that was started …');
      void end(130);
    });
  }
  // Whoever reads us has gone: there is nobody to show anything to.
  process.stdout.on('error', () => void end(1));
  try {
    // The account that PostgreSQL runs as must be able to go through it.
    await chmod(folder, 0o755);
    return await end((await play(rekey, await rekey.start())) ? 0 : 1);
  } catch (error) {
    if (!ending) say(`it failed: ${error instanceof Error ? error.message : String(error)}`);
    return end(1);
  }
}
