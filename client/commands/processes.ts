/**
 * Owns the commands that need concrete classes: each is a process of its own, whose words and exit
 * code are passed on.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ownEnvironment, startProgram } from '../../activities/ports/child.js';
import { homeFolder } from '../home.js';

/** Runs one of our programs in this terminal, and ends as it ends. */
export function exec(program: string, args: readonly string[]): Promise<never> {
  const script = fileURLToPath(new URL(`../../${program}`, import.meta.url));
  const child = startProgram(process.execPath, [script, ...args], { env: ownEnvironment(), stdio: 'inherit' });
  // A Ctrl-C reaches the child by itself; what is sent to us alone is handed on.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  return new Promise(() => {
    child.once('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}

export const sandboxHome = (): string => path.join(homeFolder(), 'sandbox');
