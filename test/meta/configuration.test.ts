/** Holds docs/configuration.md to the schema: a key that can be written stands there, and a default that is told is the one that holds. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import * as schema from '../../activities/configuration/schema.js';
import { formatDuration } from '../../workflows/domain/duration.js';

const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/configuration.md'), 'utf8');

/** Rows of the table under a heading: key → default. */
function rowsOf(heading: string): ReadonlyMap<string, string> {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? expect.fail(`there is no ${heading}`);
  return new Map([...section.matchAll(/^\| `(\w+)` \| .*? \| (.*?) \| .* \|$/gm)].map(([, key, value]) => [key!, value!]));
}

describe('docs/configuration.md', () => {
  it.each([
    ['The file', schema.fileFields],
    ['A credential', schema.credentialFields],
    ['`rollout`', schema.rolloutFields],
    ['`policy`', schema.policyFields],
  ] as const)('has every key of "%s", and no other', (heading, fields) => {
    expect([...rowsOf(heading).keys()].sort()).toEqual(Object.keys(fields).sort());
  });

  it.each(Object.entries(schema.defaultPolicy).filter(([, value]) => typeof value === 'number'))(
    'tells the default of %s',
    (key, value) => {
      expect(rowsOf('`policy`').get(key)).toBe(`\`${formatDuration(value as number)}\``);
    },
  );
});
