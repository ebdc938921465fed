import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { path } from '../../../activities/connectors/http/path.js';
import { scrub } from '../../../activities/connectors/http/scrub.js';
import { Secret } from '../../../activities/ports/secret.js';

describe('scrub', () => {
  it.each([
    ['The key deadbeefdeadbeef is invalid', 'The key [removed] is invalid'],
    ['Authorization: Basic dXNlcjpwYXNzd29yZDEyMzQ=', 'Authorization: Basic [removed]'],
    ['Unable to find api_key with ID 17', 'Unable to find api_key with ID 17'],
    ['An API key with the name "agents" already exists', 'An API key with the name "agents" already exists'],
    ['two\nlines\u001b[31m', 'two lines [31m'],
    ['internationalisation-of-words', 'internationalisation-of-words'],
  ])('%j', (text, expected) => {
    expect(scrub(text)).toBe(expected);
  });

  it('never lets eight characters of a known secret through, in whatever form', () => {
    const secrets = fc.stringMatching(/^[!-~]{16,64}$/);
    const forms = fc.constantFrom<(s: string) => string>(
      (s) => s,
      encodeURIComponent,
      (s) => JSON.stringify(s),
      (s) => s.slice(0, 12),
      (s) => s.slice(4),
      (s) => `${s}${s}`,
    );
    fc.assert(
      fc.property(secrets, forms, fc.string(), fc.string(), (secret, form, before, after) => {
        const clean = scrub(`${before} ${form(secret)} ${after}`, [new Secret(secret)]);
        for (let at = 0; at + 8 <= secret.length; at++) if (clean.includes(secret.slice(at, at + 8))) return false;
        return clean.length <= 200;
      }),
    );
  });
});

describe('path', () => {
  it('encodes what it is given', () => {
    expect(path`/keys/${'a/b?c'}`).toBe('/keys/a%2Fb%3Fc');
  });

  it.each(['', '.', '..'])('refuses %j, which would lead to another address', (id) => {
    expect(() => path`/keys/${id}`).toThrow(TypeError);
  });
});
