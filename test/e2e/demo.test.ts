/** The demo as a newcomer runs it: its last line, its exit code, and that nothing of it is left. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';

const main = path.resolve(import.meta.dirname, '../../dist/sandbox/demo/main.js');

const processesOf = (folder: string): string =>
  execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(folder))
    .join('\n');

/**
 * Its temporary folders and processes are told apart from others' by a folder of their own. It is
 * interrupted after so many milliseconds, or as soon as a process of it shows these words, which
 * then is held: one that is slow must not be left behind.
 */
function demo(
  interrupt: number | string | null,
): Promise<{ code: number | null; out: string; left: string[]; processes: string }> {
  const tmp = mkdtempSync(path.join(os.tmpdir(), 'rekey-demo-test-'));
  execFileSync('chmod', ['755', tmp]);
  const child = spawn(process.execPath, [main, '--json'], {
    env: { ...process.env, TMPDIR: tmp },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  if (typeof interrupt === 'number') setTimeout(() => child.kill('SIGINT'), interrupt);
  const look = setInterval(() => {
    const shown =
      typeof interrupt === 'string' &&
      processesOf(tmp)
        .split('\n')
        .find((line) => line.includes(interrupt));
    if (!shown) return;
    clearInterval(look);
    process.kill(Number.parseInt(shown, 10), 'SIGSTOP');
    child.kill('SIGINT');
  }, 50);
  return new Promise((resolve) => {
    child.once('exit', (code) => {
      clearInterval(look);
      const left = readdirSync(tmp);
      const processes = processesOf(tmp);
      rmSync(tmp, { recursive: true, force: true });
      resolve({ code, out, left, processes });
    });
  });
}

it('ends with every promise held, and leaves nothing behind', async () => {
  const { code, out, left, processes } = await demo(null);
  const line = JSON.parse(out.trim().split('\n').at(-1)!) as {
    ok: boolean;
    rotations: { requests: number; outcome: string }[];
    orphans: number;
    leaks: number;
  };
  expect(line).toMatchObject({ ok: true, orphans: 0, leaks: 0 });
  expect(line.rotations.map((r) => r.outcome)).toEqual(['completed', 'completed']);
  expect(line.rotations[0]!.requests).toBeGreaterThanOrEqual(1_000);
  expect([code, left, processes]).toEqual([0, [], '']);
});

it.each([7_000, ' apply -f '])('leaves nothing behind when it is interrupted: %s', async (interrupt) => {
  const { code, left, processes } = await demo(interrupt);
  expect([code, left, processes]).toEqual([130, [], '']);
});
