import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectors } from '../../../activities/configuration/connectors.js';
import { loadConfiguration } from '../../../activities/configuration/load.js';
import { parseConfiguration } from '../../../activities/configuration/parse.js';
import { edited, fakes, parse, problemsOf, small } from './support.js';

describe('YAML', () => {
  it.each([
    ['a byte order mark', `\uFEFF${small}`],
    ['line ends of Windows', small.replaceAll('\n', '\r\n')],
    ['a document marker and an end', `---\n${small}...\n`],
    ['YAML 1.2 asked for', `%YAML 1.2\n---\n${small}`],
    ['JSON', JSON.stringify({ version: 1, stores: { other: { kind: 'plain' } } })],
    [
      'an alias that stands for little',
      edited(
        '"file:/run/secrets/web"',
        '*s',
        edited('url:', 'url: &s', edited('https://safe.example.com', 'file:/run/secrets/web')),
      ),
    ],
    ['text that is true elsewhere', edited('name: web }', 'name: on }')],
    ['text with the tag of text', edited('id: "17"', 'id: !!str 17')],
  ])('may have %s', (_, text) => {
    expect(problemsOf(text)).toEqual([]);
  });

  it('counts columns behind a byte order mark and lines that end as on Windows', () => {
    expect(problemsOf(edited('id: "17"', 'id: 17').replaceAll('\n', '\r\n'))).toEqual(problemsOf(edited('id: "17"', 'id: 17')));
  });

  it.each([
    ['nothing', '', '1:1: version: is missing; expected 1'],
    ['a list', '- a', '1:1: is a list; expected a mapping of keys to values'],
    ['a word', 'rekey', '1:1: is text; expected a mapping of keys to values'],
    [
      'two documents',
      `${small}---\n${small}`,
      '25:1: the file holds more than one document; expected one, without further "---"',
    ],
    ['a tab', 'stores:\n\tdd: {}', '2:1: a tab indents the line; expected spaces'],
    ['a key that stands twice', 'version: 1\nstores: {}\nversion: 1', '3:1: the key stands here twice; expected each key once'],
    [
      'a bracket that is not closed',
      'version: 1\nstores: {',
      '2:10: the line is indented differently from those that it belongs to; expected the same indentation for all keys of one level, and every bracket closed',
    ],
    [
      'a quote that is not closed',
      'version: "1',
      '1:12: a character is missing; expected a closing quote or bracket, a "," or ":", or a space behind a ":"',
    ],
    [
      'a second colon',
      'version: 1: 2',
      '1:10: there is a second ":" in the line; expected the value in quotes, or on lines of its own',
    ],
    [
      'an old version of YAML',
      '%YAML 1.1\n---\nversion: 1',
      '1:1: the file asks for an old version of YAML; expected YAML 1.2, and no %YAML line',
    ],
    ['a tag', 'version: !int 1', '1:10: tags (!name) are not read; expected the value without a tag'],
    ['an alias of nothing', 'version: *one', '1:10: version: the alias stands for nothing; expected the value itself'],
    [
      'an alias inside of what it stands for',
      'version: &a [*a]',
      '1:14: version[0]: the alias stands inside of what it stands for; expected the value itself',
    ],
    [
      'a merge',
      'version: 1\n<<: { stores: {} }',
      '2:1: unknown key; expected one of: version, stores, hosts, defaults, limits, credentials',
    ],
    ['a key that is a list', '? [a]\n: b', '1:3: a key is not a text; expected a plain text as the key'],
    ['the prototype of objects', 'version: 1\n__proto__: { stores: 1 }', '2:1: unknown key'],
    ['a number without an end', 'version: .inf', '1:10: version: is not a number that can be kept; expected a finite number'],
    [
      'a NUL',
      'version: "\\0"',
      '1:10: version: the text holds a character that cannot be kept; expected text without NUL and without halves of characters',
    ],
    [
      'half a character',
      'version: "\\ud800"',
      '1:10: version: the text holds a character that cannot be kept; expected text without NUL and without halves of characters',
    ],
  ])('may not have %s', (_, text, printed) => {
    expect(problemsOf(text)).toContain(printed);
  });

  const most = 1024 * 1024;
  const half = most / 2;
  const eighth = most / 8;
  const laughs = `a0: &a0 [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 12 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`).join(',')}]`).join('\n')}`;

  it.each([
    ['ten megabytes', 'x'.repeat(10 * most), 'the file is too large; expected at most 1024 KiB'],
    ['a byte too many, in characters of two', `# ${'é'.repeat(half)}`, 'the file is too large; expected at most 1024 KiB'],
    ['a billion laughs', laughs, 'aliases stand for too much; expected the values themselves'],
    ['an eighth of a megabyte of open brackets', '['.repeat(eighth), 'the file is nested too deeply; expected at most 32 levels'],
    [
      'an eighth of a megabyte of mappings in mappings',
      '{a: '.repeat(eighth / 4),
      'the file is nested too deeply; expected at most 32 levels',
    ],
    [
      'an eighth of a megabyte of lists in lists',
      '- '.repeat(eighth / 2),
      'the file is nested too deeply; expected at most 32 levels',
    ],
    ['half a megabyte of keys', Array.from({ length: half / 12 }, (_, n) => `k${n}: 1`).join('\n'), 'unknown key'],
    ['an eighth of a megabyte of one key', 'a: 1\n'.repeat(eighth / 5), 'the key stands here twice; expected each key once'],
    [
      'an eighth of a megabyte of aliases',
      `- &a x\n${'- *a\n'.repeat(eighth / 6)}`,
      'aliases stand for too much; expected the values themselves',
    ],
  ])('refuses %s without hanging on it', (_, text, printed) => {
    const problems = problemsOf(text);
    expect(problems.some((problem) => problem.includes(printed))).toBe(true);
    expect(problems.length).toBeLessThan(110);
  });

  it('is read or refused, whatever the text, with a place inside of the text', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc
        .array(
          fc.constantFrom(
            ...'{}[]:,-?&*!|>\'"%@#`~ \n\t\r'.split(''),
            'a',
            '1',
            'version',
            '<<',
            '---',
            '...',
            '\uFEFF',
            '\u2028',
          ),
          { maxLength: 60 },
        )
        .map((parts) => parts.join('')),
      // The small file with a piece of it replaced is wrong in more interesting ways than noise.
      fc
        .tuple(fc.nat(small.length), fc.nat(20), fc.string({ maxLength: 20 }))
        .map(([from, length, by]) => small.slice(0, from) + by + small.slice(from + length)),
      fc.tuple(fc.nat(small.length), fc.nat(small.length)).map(([from, to]) => small.slice(0, from) + small.slice(to)),
    );
    fc.assert(
      fc.property(anything, (text) => {
        for (const known of [fakes, connectors]) {
          const parsed = parseConfiguration(text, 'rekey.yaml', known);
          if (parsed.ok) continue;
          const lines = text.split('\n');
          for (const { line, column } of parsed.problems) {
            expect(line).toBeGreaterThan(0);
            expect(line).toBeLessThanOrEqual(lines.length);
            expect(column).toBeGreaterThan(0);
            expect(column).toBeLessThanOrEqual(lines[line - 1]!.length + 1);
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('means the same as the JSON of what it says', () => {
    const parsed = parse(small);
    const again = parse(JSON.stringify({ version: 1, stores: { other: { kind: 'plain' } }, hosts: { disk: { kind: 'files' } } }));
    expect(again.ok && again.configuration.stores.other).toEqual(parsed.ok && parsed.configuration.stores.other);
  });
});

describe('a file', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'rekey-configuration-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const load = async (content: string | Uint8Array) => {
    const file = path.join(folder, 'rekey.yaml');
    writeFileSync(file, content);
    return loadConfiguration(file, fakes);
  };

  it('is read with its place in every problem', async () => {
    expect((await load(small)).ok).toBe(true);
    expect(await load('version: 2')).toMatchObject({
      ok: false,
      problems: [{ file: path.join(folder, 'rekey.yaml'), line: 1, column: 10 }],
    });
  });

  it.each([
    ['in Latin 1', Buffer.from('version: 1\n# é', 'latin1'), { line: 2, column: 3, message: 'the file is not UTF-8 here' }],
    ['in UTF-16', Buffer.from('\uFEFFversion: 1', 'utf16le'), { line: 1, column: 1, message: 'the file is not UTF-8 here' }],
    ['of ten megabytes', Buffer.alloc(10 * 1024 * 1024, 0x20), { line: 1, column: 1, message: 'the file is too large' }],
    [
      'of too many characters of two bytes',
      Buffer.from('é'.repeat(1024 * 1024)),
      { line: 1, column: 1, message: 'the file is too large' },
    ],
  ])('is refused %s', async (_, content, problem) => {
    expect(await load(content)).toMatchObject({ ok: false, problems: [problem] });
  });

  it('is refused where there is none, or no end of it', async () => {
    expect(await loadConfiguration(path.join(folder, 'none.yaml'), fakes)).toMatchObject({
      problems: [{ message: 'the file cannot be read (ENOENT)' }],
    });
    expect(await loadConfiguration(folder, fakes)).toMatchObject({ problems: [{ message: 'the file cannot be read (EISDIR)' }] });
    expect(await loadConfiguration('/dev/zero', fakes)).toMatchObject({ problems: [{ message: 'the file is too large' }] });
  });
});
