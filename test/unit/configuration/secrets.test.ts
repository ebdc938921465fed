import { describe, expect, it } from 'vitest';
import { edited, parse, problemsOf } from './support.js';

describe('a secret in the file', () => {
  const marker = 'q7Zx0pLw93Kd';

  it.each([
    ['in place of a reference', edited('"file:/run/secrets/web"', marker)],
    ['in place of a reference of a connector', edited('"env:TOKEN"', marker)],
    ['behind env: with what no variable is called', edited('"env:TOKEN"', `"env:${marker}+/="`)],
    ['in a file that is not absolute', edited('"file:/run/secrets/web"', `"file:${marker}"`)],
    ['with a space forgotten before it', edited('{ token: "env:TOKEN" }', `{ token:${marker} }`)],
    ['with a line end in it', edited('"env:TOKEN"', `"exec:a\\n${marker}"`)],
    [
      'with a space forgotten before it, where any key may stand',
      edited('{ kind: plain }', `{ kind: plain, labels: { a:${marker} } }`),
    ],
    ['in place of the mapping', edited('{ token: "env:TOKEN" }', marker)],
    ['as a key', edited('token: "env:TOKEN"', `token: "env:TOKEN", ${marker}: 1`)],
    ['as a key that stands twice', edited('token: "env:TOKEN"', `${marker}: 1, ${marker}: 1`)],
    ['as the name of a store', edited('other:', `${marker}:`)],
    ['as the kind of a store', edited('kind: safe', `kind: ${marker}`)],
    ['as a store', edited('store: vault\n', `store: ${marker}\n`)],
    ['as a strategy', edited('overlap', marker)],
    ['as consumers', edited('consumers: { host: apps, all: true }', `consumers: ${marker}`)],
    ['as a duration', edited('attributes:', `policy: { grace: ${marker} }\n    attributes:`)],
    ['as a window', edited('attributes:', `policy: { window: "Sun 02:00-06:00 ${marker}" }\n    attributes:`)],
    ['as a tag', edited('"env:TOKEN"', `!${marker} x`)],
    ['as an alias', edited('"env:TOKEN"', `*${marker}`)],
    ['as an anchor', edited('"env:TOKEN"', `&${marker} [*${marker}]`)],
    ['in broken quotes', edited('"env:TOKEN"', `"\\q${marker}`)],
    ['on a line that is no YAML', edited('version: 1', `version: 1\n${marker}:x: y`)],
    ['behind exec: with nothing to execute', edited('"env:TOKEN"', '"exec:   "')],
  ])('is refused and never repeated: %s', (_, text) => {
    const problems = problemsOf(text);
    expect(problems).not.toEqual([]);
    expect(JSON.stringify([problems, parse(text)])).not.toContain(marker.slice(0, 6));
  });
});
