/**
 * Holds what every source file must be: it opens with what it owns, stays short enough to be read
 * in one go, and leaves nothing for later.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const longest = 350;
const widest = 100;

// Files that are new and not yet committed count, too; ignored ones do not.
const listed = execFileSync(
  'git',
  [
    'ls-files',
    '--cached',
    '--others',
    '--exclude-standard',
    '-z',
    '--',
    '*.ts',
    '*.cjs',
    '*.mjs',
    '*.md',
    '*.yml',
    '*.yaml',
    '*.sh',
    '*.sql',
    'Dockerfile',
  ],
  { cwd: root, encoding: 'utf8' },
);
const files = listed
  .split('\0')
  .filter((name) => name !== '' && !name.startsWith('test/meta/'))
  .flatMap((name) => {
    try {
      return [{ name, text: readFileSync(path.join(root, name), 'utf8') }];
    } catch {
      return []; // Removed, and the removal is not committed yet.
    }
  });
const sources = files.filter(({ name }) => name.endsWith('.ts'));
// In a test the titles of `describe` say it, where no sentence does.
const opened = sources.filter(({ name }) => !name.endsWith('.test.ts'));

describe('every source file', () => {
  it('opens with a sentence that says what it owns', () => {
    expect(opened.length).toBeGreaterThan(100);
    expect(opened.filter(({ text }) => !/^(#!.*\n)?\/\*\*\s+(\* )?\S.*?[.:]/s.test(text)).map((f) => f.name)).toEqual([]);
  });

  it(`has at most ${longest} lines`, () => {
    const long = sources.map(({ name, text }) => ({ name, lines: text.split('\n').length - 1 })).filter((f) => f.lines > longest);
    expect(long).toEqual([]);
  });

  it(`wraps its comments at ${widest} columns`, () => {
    const isWide = (line: string) => line.length > widest && /^\s*(\/\/ (?!biome-ignore)|\/?\*)/.test(line);
    const wide = sources.flatMap(({ name, text }) =>
      text.split('\n').flatMap((line, index) => (isWide(line) ? [`${name}:${index + 1}`] : [])),
    );
    expect(wide).toEqual([]);
  });
});

describe('no file', () => {
  it.each([
    ['a note for later', /\b(TODO|FIXME|XXX)\b/],
    ['a way out of the repository', /\.\.\/shared\b/],
    ['a path of the machine it was written on', /\/(home|Users|work)\/[a-z]+\//],
  ])('holds %s', (_, pattern) => {
    expect(files.filter(({ text }) => pattern.test(text)).map((f) => f.name)).toEqual([]);
  });
});
