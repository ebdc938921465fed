/** A leak as it is rehearsed: a key of each vendor, under traffic, both ways. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const main = path.resolve(import.meta.dirname, '../../dist/client/main.js');

interface Line {
  readonly ok: boolean;
  readonly incident: { readonly selected: number; readonly done: number };
  readonly keys: readonly {
    readonly credential: string;
    readonly requests: number;
    readonly refused: number;
    readonly deadAfterMs: number | null;
  }[];
  readonly leaks: number;
}

async function rehearse(way: string): Promise<{ code: number | null; line: Line; said: string; left: readonly string[] }> {
  const tmp = mkdtempSync(path.join(os.tmpdir(), 'rekey-rehearse-'));
  const child = spawn('sh', ['-c', `chmod 755 ${tmp}; exec ${process.execPath} ${main} rehearse leak --${way} --json`], {
    env: { ...process.env, TMPDIR: tmp },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, said] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const left = readdirSync(tmp);
  rmSync(tmp, { recursive: true, force: true });
  return { code, line: JSON.parse(out.trim().split('\n').at(-1) || '{}') as Line, said, left };
}

describe('a leak of a key of each vendor', () => {
  it.each(['rotate', 'contain'])('is answered for by %s, and leaves nothing behind', async (way) => {
    const { code, line, said, left } = await rehearse(way);
    expect([code, left], said).toEqual([0, []]);
    expect(line).toMatchObject({ ok: true, incident: { selected: 5, done: 5 }, leaks: 0 });
    for (const { requests, deadAfterMs } of line.keys) expect([requests > 0, deadAfterMs !== null]).toEqual([true, true]);
    const refused = line.keys.filter((key) => key.refused > 0).map(({ credential }) => credential);
    // In place programs are stopped before their secret dies.
    if (way === 'rotate') expect(refused).toEqual([]);
    else expect(refused).not.toContain('soar/enrichment');
  });
});
