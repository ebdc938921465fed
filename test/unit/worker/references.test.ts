/**
 * References to secrets: resolved afresh on this machine; an error names the reference and never a
 * value.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allPowers } from '../../../client/environment.js';
import { resolveReference as resolveWith } from '../../../worker/references.js';

const value = 'dd-0123456789abcdef';
let folder: string;
let file: string;
const resolveReference = (reference: string) => resolveWith(reference, allPowers);
const reveal = async (reference: string) => (await resolveReference(reference)).reveal();

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'rekey-references-'));
  file = path.join(folder, 'a key');
  process.env.REKEY_TEST_SECRET = value;
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
  delete process.env.REKEY_TEST_SECRET;
});

describe('a reference', () => {
  it('is read from the environment, a file, or what a command prints', async () => {
    writeFileSync(file, value);
    expect(await reveal('env:REKEY_TEST_SECRET')).toBe(value);
    expect(await reveal(`file:${file}`)).toBe(value);
    expect(await reveal(`exec:cat '${file}'; echo not this >&2`)).toBe(value);
  });

  it('loses the one line end that editors add, and nothing else', async () => {
    for (const [written, meant] of [
      [`${value}\n`, value],
      [`${value}\r\n`, value],
      [`${value}\n\n`, `${value}\n`],
      [` ${value} `, ` ${value} `],
      [`{"a":1,\n"b":2}\n`, `{"a":1,\n"b":2}`],
    ] as const) {
      writeFileSync(file, written);
      expect(await reveal(`file:${file}`)).toBe(meant);
    }
  });

  it('is resolved afresh each time', async () => {
    for (const now of ['first', 'second']) {
      writeFileSync(file, now);
      expect(await reveal(`file:${file}`)).toBe(now);
    }
  });

  it.each([
    ['a variable that is not set', 'env:REKEY_TEST_NOT_SET'],
    ['a file that is not there', 'file:/nowhere/at/all'],
    ['a command that is not there', 'exec:rekey-no-such-command'],
    ['a command that fails', `exec:printf '%s' "$REKEY_TEST_SECRET"; printf '%s' "$REKEY_TEST_SECRET" >&2; exit 3`],
    ['a command that prints nothing', 'exec:true'],
  ])('to %s is refused by its name, without what was printed', async (_, reference) => {
    const error = await resolveReference(reference).then(
      () => null,
      (fault: unknown) => fault as Error & { code: string },
    );
    expect(error).toMatchObject({ code: 'KR_REFERENCE_UNRESOLVED', message: expect.stringContaining(reference) });
    expect(`${error!.message}${error!.stack}${JSON.stringify(error)}`).not.toContain(value);
  });

  it('to an empty file, or one with a line end alone, is refused', async () => {
    for (const written of ['', '\n']) {
      writeFileSync(file, written);
      await expect(resolveReference(`file:${file}`)).rejects.toMatchObject({ code: 'KR_REFERENCE_UNRESOLVED' });
    }
  });

  it('that is none is not repeated: it may be the secret itself', async () => {
    for (const text of [value, `vault:${value}`, `env:`, `ENV:${value}`]) {
      const refusal = resolveReference(text);
      await expect(refusal).rejects.toMatchObject({ code: 'KR_REFERENCE_UNRESOLVED' });
      await expect(refusal).rejects.not.toThrow(value);
    }
  });

  it('to a command is refused where the worker was not told that it may run them, and nothing is run', async () => {
    const trace = path.join(folder, 'trace');
    const refusal = resolveWith(`exec:touch '${trace}'; echo ${value}`, new Set(['module', 'file']));
    await expect(refusal).rejects.toMatchObject({
      code: 'KR_POWER_WITHHELD',
      message: expect.stringContaining('REKEY_POWERS=exec'),
    });
    expect(existsSync(trace)).toBe(false);
    writeFileSync(file, value);
    expect((await resolveWith(`file:${file}`, new Set())).reveal()).toBe(value);
  });

  it("lets a command know nothing of the worker's environment", async () => {
    expect(await reveal('exec:env')).not.toContain('REKEY_TEST_SECRET');
    expect(await reveal('exec:env')).toMatch(/^PATH=/m);
  });
});
