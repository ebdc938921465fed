/** A report is written by strangers: it gets a clear answer, and nothing of it comes out again. */
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LeakReport, readReport } from '../../../client/leaks/report.js';
import { errorCodes } from '../../../workflows/domain/error-codes.js';
import { holds, inPieces, json, reportOf } from './support.js';

const value = '3f1c0b8e94d24f7ab1d6c05e7a2f9c31';
const mebibyte = 1024 * 1024;

/** The detail of the refusal. Fails where there is none. */
async function refusalOf(content: string | Uint8Array | AsyncIterable<Uint8Array>): Promise<string> {
  const source = typeof content === 'string' || content instanceof Uint8Array ? inPieces(content) : content;
  const error: unknown = await readReport(source).then(
    () => expect.fail('it was read'),
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: 'KR_LEAKS_UNREADABLE' });
  expect(inspect(error, { depth: null })).not.toContain(value.slice(0, 8));
  return (error as { detail: string }).detail;
}

describe('broken JSON', () => {
  it.each([
    [
      'one that does not end',
      `[\n {"Secret": "${value}"},\n {"Secret": "${value}`,
      'has a text that does not end: line 3, column 13',
    ],
    ['an object that does not end', `{"a": 1,\n "token": "${value}"`, 'has an entry that does not end: line 1, column 1'],
    ['an array that does not end', `[{"Secret": "${value}"},\n`, 'ends in the middle: line 2, column 1'],
    ['a comma too many', `[{"a": 1},\n  {"Secret": "${value}",}]`, 'has an entry that is broken: line 2, column 3'],
    ['words between', `[{"a": 1},\n ${value}]`, 'is broken: line 2, column 2'],
    ['a text with an unknown escape', `["${value}\\x"]`, 'has an entry that is broken: line 1, column 2'],
    ['a beginning that is not there', ` "Secret": "${value}"\n},\n`, 'is broken: line 2, column 1'],
    [
      'a line of trufflehog that was cut off',
      `{"Raw": "${value}"}\n{"Raw": "${value}`,
      'has a text that does not end: line 2, column 9',
    ],
    ['brackets', '['.repeat(1_000_000), 'is nested too deeply for a report: line 1, column 101'],
    ['deep objects', `[${'{"a":'.repeat(1_000_000)}`, 'is nested too deeply for a report: line 1, column 502'],
  ])('is refused with its place: %s', async (_, text, place) => {
    expect(await refusalOf(text)).toBe(`the JSON of the report ${place}`);
  });

  it('is so with one entry of megabytes', async () => {
    const entry = `{"token":"${value}","more":"${'x'.repeat(9 * mebibyte)}"}`;
    expect(await refusalOf(`[\n${entry}]`)).toBe(
      'the JSON of the report has an entry that is too long for a report: line 2, column 1',
    );
  });
});

describe('a report that is too large', () => {
  it('is refused as soon as it is, without an end to wait for', async () => {
    let pieces = 0;
    async function* endless() {
      for (; ; pieces += 1) yield Buffer.alloc(mebibyte, 'x');
    }
    expect(await refusalOf(endless())).toBe('the report is longer than 64 MiB');
    expect(pieces).toBe(64);
    expect(errorCodes.KR_LEAKS_UNREADABLE.remedy).toContain('in parts of at most 64 MiB');
  });

  it('is read up to 64 MiB', async () => {
    const report = await reportOf(`${value}\n${' '.repeat(64 * mebibyte - value.length - 1)}`);
    expect(report.read).toBe(1);
  });

  it('is refused for more different values than memory is meant for, repetitions not counted', async () => {
    const lines = (count: number) => inPieces(Array.from({ length: 100 }, (_, index) => `${value}${index % count}`).join('\n'));
    expect((await readReport(lines(10), 10)).values.length).toBe(10);
    await expect(readReport(lines(11), 10)).rejects.toThrow(
      'KR_LEAKS_UNREADABLE: the report holds more than 10 different values',
    );
  });
});

describe('a report that is large', () => {
  it('may be 50 MB of JSON', async () => {
    const finding = (index: number) => `{"Secret":"${value}${index}","Match":"${'m'.repeat(50_000)}","Message":"{[\\"\\\\"}`;
    const text = `[${Array.from({ length: 1000 }, (_, index) => finding(index)).join(',\n')}]`;
    const report = await reportOf(text);
    expect(text.length).toBeGreaterThan(50_000_000);
    expect([report.values.length, holds(report, `${value}999`)]).toEqual([1000, true]);
  });

  it('may have a value that is no key any more', async () => {
    const long = value.repeat(mebibyte / 32);
    const report = await json([{ Secret: long }, { Secret: 'a'.repeat(4097) }, { Secret: 'a'.repeat(4096) }]);
    expect([report.read, report.notComparable.tooLong]).toEqual([1, 2]);
    expect((await reportOf(`${long}\n${value}`)).notComparable.tooLong).toBe(1);
  });
});

describe('what is no text', () => {
  it.each([
    ['invalid UTF-8', Buffer.from([0xff, 0xfe, 0xff, 0x61, 0xc3, 0x28])],
    ['NULs', Buffer.alloc(100_000)],
    ['escapes for the terminal', Buffer.from(`\u001b[2J[{\u0000"${value}\u0007`)],
    ['a picture', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')],
  ])('is read as values that are nobody’s: %s', async (_, bytes) => {
    expect((await reportOf(bytes)).read).toBeLessThan(5);
  });

  it('does not keep its neighbours from being read', async () => {
    const report = await reportOf(
      Buffer.concat([Buffer.from([0xc3, 0x28, 0x0a]), Buffer.from(value), Buffer.from([0x0a, 0x00, 0xff])]),
    );
    expect(holds(report, value)).toBe(true);
  });

  it('does not depend on where the pieces of it end', async () => {
    const text = `[{"Secret":"${value}","Message":"ä€🐷"}]`;
    const whole = await reportOf(text);
    for (const size of [1, 2, 3, 7]) expect(await readReport(inPieces(text, size))).toEqual(whole);
  });
});

describe('nothing of a report', () => {
  const secret = fc
    .string({ minLength: 12, maxLength: 40, unit: fc.constantFrom(...'xyzXYZ_-:"\\\'[]{},.\n\t\u0000\u001b é🐷') })
    .map((s) => `q${s}q`);
  const shaped = (text: string): readonly unknown[] => [
    { Secret: text, Match: text, Date: text, Message: text },
    {
      Raw: text,
      RawV2: `${text}:${text}`,
      SecretParts: { [text]: text },
      SourceMetadata: { Data: { Git: { timestamp: text } } },
    },
    { stringsFound: [text, text], date: text },
    { secret: text, secret_type: text, created_at: text },
    { token: text, type: text },
    { [text]: { [text]: [text, { token: text }] } },
    text,
  ];
  /** As a whole, cut off somewhere, or with something put in. */
  const damaged = fc.record({ cut: fc.double({ min: 0, max: 1, noNaN: true }), put: fc.option(secret), how: fc.nat(3) });

  const shownBy = async (content: string): Promise<string> =>
    reportOf(content).then(
      (report: LeakReport) => JSON.stringify(report) + inspect(report, { depth: null, showHidden: true }),
      (error: unknown) => inspect(error, { depth: null, showHidden: true }) + JSON.stringify(error),
    );

  it('is in what is made of it, or in why nothing was', async () => {
    await fc.assert(
      fc.asyncProperty(secret, fc.nat(6), damaged, async (text, shape, { cut, put, how }) => {
        const found = shaped(text)[shape];
        const whole = how === 0 ? text : how === 1 ? JSON.stringify(found) : JSON.stringify([found, found], null, how);
        const at = Math.floor(whole.length * cut);
        const shown = await shownBy(put === null ? whole : `${whole.slice(0, at)}${put}${how === 1 ? '' : whole.slice(at)}`);
        for (const part of [...text.split(/\s/), ...(put ?? '').split(/\s/)].filter((p) => p.length > 5))
          for (const form of [part, JSON.stringify(part).slice(1, -1), part.slice(0, 6)]) expect(shown).not.toContain(form);
      }),
      { numRuns: 2_000 },
    );
  });
});
