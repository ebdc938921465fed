/** What a report says of the versions of a ledger; test/integration asks a real one. */
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../activities/ports/secret.js';
import type { LeakReport } from '../../../client/leaks/report.js';
import type { KnownKey } from '../../../client/ledger/views.js';
import type { Access } from '../../../client/operations/access.js';
import { matchLeaks } from '../../../client/operations/match-leaks.js';
import { tester } from '../../support/who.js';
import { json, reportOf } from './support.js';

const secretOf = (name: string): string => `${name}-3f1c0b8e94d24f7ab1d6c05e7a2f9c31`;

const version = (credential: string, changes: Partial<KnownKey> = {}): KnownKey => ({
  credential,
  generation: 1,
  store: 'dd',
  state: 'active',
  digest: new Secret(secretOf(credential)).digest,
  key_id: `id-of-${credential}`,
  key_id_handle: new Secret(`id-of-${credential}`).handle,
  id_goes_on: false,
  ...changes,
});

/** The largest question that was asked comes with the answer. */
async function match(report: LeakReport, versions: readonly KnownKey[]) {
  let asked = 0;
  const view = {
    async knownKeys(digests: readonly string[], handles: readonly string[]) {
      asked = Math.max(asked, digests.length);
      const [ours, ids] = [new Set(digests), new Set(handles)];
      return versions.filter((v) => ours.has(v.digest ?? '') || ids.has(v.key_id_handle ?? ''));
    },
    unseenKeys: async () => versions.filter((v) => v.digest === null && v.state !== 'revoked'),
  };
  const access = { readLedger: (use: (it: typeof view) => unknown) => use(view) } as unknown as Access;
  return { ...(await matchLeaks(tester, access, report)), asked };
}

describe('a leaked value', () => {
  it('is that of every version that has it, in every state; what is dead stands apart', async () => {
    const states = ['prepared', 'active', 'retiring', 'disabled', 'revoked'] as const;
    const versions = states.map((state, index) => version('b', { generation: 5 - index, state })).concat(version('a'));
    const found = await match(await reportOf(`${secretOf('b')}\n${secretOf('a')}\nnobody\n`), versions);
    expect(found.live.map(({ credential, generation }) => `${credential}#${generation}`)).toEqual([
      'a#1',
      'b#2',
      'b#3',
      'b#4',
      'b#5',
    ]);
    expect(found.alreadyDead).toEqual([
      { credential: 'b', generation: 1, store: 'dd', state: 'revoked', recognizedBy: 'value', secretKnown: true, leakedAt: null },
    ]);
    expect(found.unknownValues).toBe(1);
  });

  it('is one, in whatever part of a finding it stands, and leaked when the earliest of them says', async () => {
    const found = await match(
      await json([
        {
          Raw: 'other',
          RawV2: `other${secretOf('a')}`,
          SourceMetadata: { Data: { Git: { timestamp: '2026-11-16 10:00:00 +0000' } } },
        },
        { Secret: secretOf('a'), Date: '2026-11-02T10:00:00Z' },
        { token: 'id-of-a' },
      ]),
      [version('a')],
    );
    expect(found).toMatchObject({ live: [{ recognizedBy: 'value', leakedAt: '2026-11-02T10:00:00.000Z' }], unknownValues: 0 });
  });

  it('is the value, too, where the id of the key is made of it and nothing else is known', async () => {
    const { handle } = new Secret(secretOf('a'));
    const found = await match(await reportOf(secretOf('a')), [
      version('a', { digest: null, key_id: handle, key_id_handle: handle }),
    ]);
    expect(found).toMatchObject({ live: [{ recognizedBy: 'value' }], notComparable: { versions: [] } });
  });

  it('is looked for in parts, and is found in each of them', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `n${index}`);
    const lines = Array.from({ length: 12_000 }, (_, index) => (index % 1000 === 0 ? secretOf(`n${index / 1000}`) : `x${index}`));
    const found = await match(
      await reportOf(lines.join('\n')),
      names.map((name) => version(name)),
    );
    expect(found.live.length).toBe(12);
    expect([found.unknownValues, found.asked]).toEqual([11_988, 5_000]);
  });
});

describe('a leaked id', () => {
  it('says so, and speaks of the newest version that has it', async () => {
    const old = version('a', { state: 'revoked', digest: 'f'.repeat(64), id_goes_on: true });
    const found = await match(await reportOf('id-of-a'), [old, version('a', { generation: 2 })]);
    expect(found).toMatchObject({ live: [{ generation: 2, recognizedBy: 'key-id' }], alreadyDead: [], unknownValues: 0 });
    const both = await match(await reportOf(`id-of-a\n${secretOf('a')}`), [{ ...old, digest: version('a').digest }]);
    expect(both).toMatchObject({ live: [], alreadyDead: [{ generation: 1, recognizedBy: 'value' }], unknownValues: 1 });
  });

  it('is all that there is of a version whose secret was never seen; else the version is named', async () => {
    const unseen = ['b', 'a', 'c'].map((name) => version(name, { digest: null }));
    const dead = version('d', { digest: null, state: 'revoked' });
    const found = await match(await json([{ token: 'id-of-c' }, { Secret: 'REDACTED' }]), [...unseen, dead]);
    expect(found.live).toMatchObject([{ credential: 'c', recognizedBy: 'key-id', secretKnown: false }]);
    expect(found.notComparable).toEqual({
      inReport: { redacted: 1, empty: 0, tooLong: 0, noValue: 0 },
      versions: ['a#1', 'b#1'],
    });
  });
});
