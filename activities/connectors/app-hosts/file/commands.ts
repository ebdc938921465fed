/**
 * Owns the commands that an operator declared for a consumer: run by `sh` in a process group of
 * their own, ended at the deadline.
 */
import { RekeyError } from '../../../../workflows/domain/errors.js';
import { childEnvironment, startProgram } from '../../../ports/child.js';
import { CommandEnded, type CommandResult } from '../../machines/machine.js';

const kept = 256 * 1024;
/**
 * A command that leaves a service behind may leave its output open too; what is printed later is
 * not waited for.
 */
const lastWords = 100;

export function runCommand(
  command: string,
  args: readonly string[],
  own: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    if (signal.aborted)
      return reject(new RekeyError('KR_HOST_UNAVAILABLE', 'no time was left for a command; it was not started'));
    const child = startProgram('sh', ['-c', command, 'rekey', ...args], {
      detached: true,
      env: childEnvironment(own),
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
    });

    const chunks: Buffer[] = [];
    let size = 0;
    const keep = (chunk: Buffer): void => {
      if (size < kept) chunks.push(chunk.subarray(0, kept - size));
      size += chunk.length;
    };
    child.stdout!.on('data', keep);
    child.stderr!.on('data', keep);

    const onAbort = (): void => {
      // The group, since `sh` would leave the program that it waits for behind.
      if (child.pid !== undefined) tryKill(-child.pid);
      finish(() => reject(new CommandEnded('still running at the deadline')));
    };
    const finish = (settle: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      child.stdout!.destroy();
      child.stderr!.destroy();
      settle();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    child.on('error', (error) => finish(() => reject(error)));

    const done = (exitCode: number | null): void =>
      finish(() => resolve({ exitCode, output: Buffer.concat(chunks).toString('utf8') }));
    child.on('close', done);
    // From here on nothing is killed any more: what still runs in the group is the service that was
    // restarted.
    child.on('exit', (exitCode) => {
      signal.removeEventListener('abort', onAbort);
      setTimeout(done, lastWords, exitCode);
    });
  });
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself in this moment.
  }
}
