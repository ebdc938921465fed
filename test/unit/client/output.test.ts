/** How a command ends: one document or plain words, and an exit code that scripts can rely on. */
import { ApplicationFailure } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { asRekeyError } from '../../../client/errors.js';
import { type Answer, answerWith, table } from '../../../client/output.js';
import { errorCodes } from '../../../workflows/domain/error-codes.js';
import { type ErrorCode, RekeyError } from '../../../workflows/domain/errors.js';

class Exit extends Error {
  constructor(readonly code: unknown) {
    super(`exit ${code}`);
  }
}

let out: string;
let err: string;

beforeEach(() => {
  out = err = '';
  vi.spyOn(process, 'exit').mockImplementation((code) => {
    throw new Exit(code);
  });
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += text;
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

async function run(json: boolean, command: () => Promise<Answer>): Promise<unknown> {
  const exit = await answerWith(json, command).catch((error: unknown) => error);
  expect(exit).toBeInstanceOf(Exit);
  return (exit as Exit).code;
}
const failing = (error: unknown) => () => Promise.reject(error);

describe('a command that is done', () => {
  const answer: Answer = { json: { ok: true }, text: 'it is done', next: 'status' };

  it('says so in words, with the next command, and ends with 0', async () => {
    expect(await run(false, async () => answer)).toBe(0);
    expect([out, err]).toEqual(['it is done\nnext: rekey status\n', '']);
  });

  it('says so in one document, with nothing beside it', async () => {
    expect(await run(true, async () => answer)).toBe(0);
    expect([JSON.parse(out), out.split('\n').length, err]).toEqual([{ ok: true }, 2, '']);
  });

  it.each([1, 2, 3, 4] as const)('ends with the code %i that it asks for', async (exit) => {
    expect(await run(false, async () => ({ ...answer, exit }))).toBe(exit);
  });
});

describe('a command that fails', () => {
  const nextCommands: Partial<Record<ErrorCode, number>> = {
    KR_USAGE: 2,
    KR_CONFIG_INVALID: 2,
    KR_ENVIRONMENT_INVALID: 2,
    KR_PREFLIGHT_REFUSED: 4,
  };

  it.each(Object.keys(errorCodes) as ErrorCode[])('%s ends with the code of its kind and says what to do', async (code) => {
    expect(await run(false, failing(new RekeyError(code, 'so it was')))).toBe(nextCommands[code] ?? 1);
    expect([out, err]).toEqual(['', `${code}: so it was\n${errorCodes[code].remedy}\n`]);
  });

  it('says so in one document on standard output', async () => {
    expect(await run(true, failing(new RekeyError('KR_USAGE', 'no such name')))).toBe(2);
    const error = { code: 'KR_USAGE', message: 'no such name', remedy: errorCodes.KR_USAGE.remedy };
    expect([JSON.parse(out), err]).toEqual([{ ok: false, error }, '']);
  });

  it('keeps the code of a fault that came through Temporal, however deep it lies', () => {
    const inner = ApplicationFailure.create({ message: 'it is draining', type: 'KR_VERB_ILLEGAL' });
    const outer = new Error('Workflow Update failed', { cause: new Error('between', { cause: inner }) });
    expect(asRekeyError(outer)).toMatchObject({ code: 'KR_VERB_ILLEGAL', detail: 'it is draining' });
    const own = new RekeyError('KR_FENCED', 'overtaken');
    expect(asRekeyError(new Error('x', { cause: own }))).toBe(own);
  });

  it('shows the first line of anything else, and survives what is no error', () => {
    expect(asRekeyError(new TypeError('one\ntwo'))).toMatchObject({ code: 'KR_INTERNAL', detail: 'one' });
    expect(asRekeyError('text')).toMatchObject({ code: 'KR_INTERNAL', detail: 'unknown' });
    const foreign = ApplicationFailure.create({ message: 'theirs', type: 'SomebodyElse' });
    expect(asRekeyError(foreign).code).toBe('KR_INTERNAL');
  });
});

describe('a table', () => {
  it('has no lines, and a dash where nothing is known', () => {
    const lines = table(
      ['name', 'n'],
      [
        ['a', 1],
        ['b', null],
      ],
    )
      .split('\n')
      .map((line) => line.trim().split(/\s+/));
    expect(lines).toEqual([
      ['name', 'n'],
      ['a', '1'],
      ['b', '-'],
    ]);
  });
});
