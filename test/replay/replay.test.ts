/**
 * Recorded histories against today's workflows: a rotation that lives for days outlives the release
 * that began it.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { bundleWorkflowCode, Worker } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const folder = path.join(import.meta.dirname, 'histories');
const histories = readdirSync(folder).filter((name) => name.endsWith('.json'));
const read = (name: string): object => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as object;
const bundle = { codePath: path.join(root, 'dist/worker/workflow-bundle.js') };

describe('the workflows of this release', () => {
  it('have histories of both strategies, of a way back and of a change to be held against', () => {
    expect(histories).toEqual(
      expect.arrayContaining([
        'overlap-completed.json',
        'overlap-compensated.json',
        'in-place-completed.json',
        'update-completed.json',
      ]),
    );
  });

  it.each(histories)('replay %s', async (name) => {
    await Worker.runReplayHistory(
      { workflowBundle: bundle, dataConverter: { failureConverterPath: path.join(root, 'client/failure-converter.cjs') } },
      read(name),
      `replay/${name}`,
    );
  });
});

describe('a changed workflow', () => {
  const changes: [string, string, (source: string) => string, string][] = [
    [
      'that proves before it mints',
      'rotate-overlap.js',
      (s) => swapLines(s, 'await mint(', 'await prove('),
      'overlap-completed.json',
    ],
    [
      'that skips the preflight of hosts',
      'steps/prepare.js',
      (s) => s.replace(/await preflightHosts\([^)]*\)/, '{ findings: [], consumers: [], running: [], unattested: [] }'),
      'in-place-completed.json',
    ],
  ];

  it.each(changes)('%s fails on the recorded history', async (_, file, change, history) => {
    const changed = mkdtempSync(path.join(os.tmpdir(), 'rekey-replay-'));
    try {
      for (const part of ['workflows', 'client/failure-converter.cjs'])
        cpSync(path.join(root, 'dist', part), path.join(changed, part), { recursive: true });
      symlinkSync(path.join(root, 'node_modules'), path.join(changed, 'node_modules'));
      writeFileSync(path.join(changed, 'package.json'), '{"type":"module"}');
      const target = path.join(changed, 'workflows', file);
      const before = readFileSync(target, 'utf8');
      expect(change(before)).not.toBe(before);
      writeFileSync(target, change(before));
      const silent = () => undefined;
      const { code } = await bundleWorkflowCode({
        workflowsPath: path.join(changed, 'workflows/index.js'),
        failureConverterPath: path.join(changed, 'client/failure-converter.cjs'),
        logger: { trace: silent, debug: silent, info: silent, warn: silent, error: silent, log: silent },
      });
      const replay = Worker.runReplayHistory(
        { workflowBundle: { code }, dataConverter: { failureConverterPath: path.join(changed, 'client/failure-converter.cjs') } },
        read(history),
        `replay/${history}`,
      );
      await expect(replay).rejects.toThrow(/determinism|Nondeterminism|non-deterministic/i);
    } finally {
      rmSync(changed, { recursive: true, force: true });
    }
  });
});

function swapLines(source: string, one: string, other: string): string {
  const lines = source.split('\n');
  const [a, b] = [one, other].map((word) => lines.findIndex((line) => line.includes(word)));
  [lines[a!], lines[b!]] = [lines[b!]!, lines[a!]!];
  return lines.join('\n');
}
