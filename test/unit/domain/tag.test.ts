import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { carriesTag, longestTag, tagFamily, tagIn, tagOf } from '../../../workflows/domain/tag.js';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const parts = [fc.uuid(), bytes(32), bytes(6)] as const;
const name = fc.string({ unit: fc.constantFrom(...'aZ0-. ') });

describe('a tag', () => {
  it('is found again in every name that carries it, and fits into the shortest of them', () => {
    fc.assert(
      fc.property(...parts, name, (ledgerId, digest, random, before) => {
        const family = tagFamily(ledgerId, digest);
        const tag = tagOf(family, random);
        expect(tag.length).toBeLessThanOrEqual(longestTag);
        expect(tagIn(`${before} ${tag}`)).toBe(tag);
        expect(carriesTag(`${before} ${tag}`, tag)).toBe(true);
        expect(carriesTag(`${before} ${tag}`, family)).toBe(true);
      }),
    );
  });

  it('keeps its form from release to release: stores hold keys that older ones made', () => {
    const family = tagFamily('0a1b2c3d-0000-4000-8000-000000000000', new Uint8Array(32).fill(7));
    expect(family).toBe('rekey-0a1b2c3d-1wg7b');
    expect(tagOf(family, new Uint8Array(6))).toBe('rekey-0a1b2c3d-1wg7b00000000');
  });

  it.each([
    ['a name without one', 'storefront'],
    ['an older form', 'rekey-aaaaaaaa-1'],
    ['a tag within another word', 'not-rekey-0a1b2c3d-0123456789abc'],
    ['a tag with something behind it', 'rekey-0a1b2c3d-0123456789abcd'],
  ])('is not seen in %s', (_, text) => {
    expect(tagIn(text)).toBeUndefined();
    expect(carriesTag(text, 'rekey-0a1b2c3d-0123456789abcde')).toBe(false);
  });
});
