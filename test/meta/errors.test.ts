/**
 * Holds docs/errors.md equal to the codes: whoever looks a code up finds what the program does, not
 * what it once did.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../../workflows/domain/error-codes.js';

const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/errors.md'), 'utf8');

/** Sections of the page by their code: the meaning is the first paragraph, the rest is a list. */
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [title, meaning, ...list] = section.split('\n').filter((line) => line.trim() !== '');
      const entry = (name: string) => list.find((line) => line.startsWith(`- ${name}: `))?.slice(`- ${name}: `.length);
      return [title, { meaning, retryable: entry('Retried by itself'), effect: entry('Effect'), remedy: entry('What to do') }];
    }),
);

describe('docs/errors.md', () => {
  it('has a section for every code, and none for a code that does not exist', () => {
    expect([...sections.keys()].sort()).toEqual(Object.keys(errorCodes).sort());
  });

  it.each(Object.entries(errorCodes))('says of %s what the program knows', (code, known) => {
    expect(sections.get(code)).toEqual({ ...known, retryable: known.retryable ? 'yes' : 'no' });
  });
});
