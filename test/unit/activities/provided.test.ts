/** What becomes of a key that a person hands in when a rotation asks for one. */
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../activities/ports/secret.js';
import { type ProvidedInput, takeProvided } from '../../../activities/steps/take-provided.js';
import { depsOf, stepRef, timing } from './effects.js';

const secret = new Secret('aaaabbbbccccddddeeeeffff00001111');

function handingIn({ accepted = true, recorded = null as object | null } = {}) {
  const { deps } = depsOf({
    store: {
      capabilities: { timing: { ...timing, propagation: 0 }, probeRetryOn401: true },
      probe: async () => ({ endpoints: [{ endpoint: 'api', accepted }] }),
    },
  });
  const told: { answered: { kind: string; ref?: string }[]; discarded: string[]; opened: string[] } = {
    answered: [],
    discarded: [],
    opened: [],
  };
  const given = {
    ...deps,
    ledger: {
      ...deps.ledger,
      recorded: async () => recorded,
      answered: async (_step: unknown, _attempt: unknown, result: unknown, changes: typeof told.answered) => {
        told.answered.push(...changes);
        return { result, head: null };
      },
    },
    vault: {
      open: async (ref: string) => {
        told.opened.push(ref);
        return secret;
      },
      seal: async () => ({}),
      discard: async (ref: string) => void told.discarded.push(ref),
    },
  };
  const input: ProvidedInput = {
    ...{ step: stepRef('mint'), effect: 'mint', generation: 2, attempt: 'a', tag: 'tag', secretRef: 'ref', keyId: 'key-9' },
  } as ProvidedInput;
  return { told, taken: takeProvided(given as never, input, new AbortController().signal) };
}

describe('a key that is handed in', () => {
  it('leaves where it was handed in with the outcome, in one transaction', async () => {
    const { told, taken } = handingIn();
    expect(await taken).toMatchObject({ result: { keyId: 'key-9' } });
    expect(told.answered.map(({ kind, ref }) => [kind, ref])).toEqual([
      ['add-version', undefined],
      ['discard-secret', 'ref'],
    ]);
    expect(told.discarded).toEqual([]);
  });

  it('is kept nowhere when it is refused', async () => {
    const { told, taken } = handingIn({ accepted: false });
    expect(await taken).toMatchObject({ refused: expect.stringContaining('does not accept') as string });
    expect([told.answered, told.discarded]).toEqual([[], ['ref']]);
  });

  it('is not looked for again when its outcome is on record, and only the answer was lost', async () => {
    const done = { result: { generation: 2 }, head: null };
    const { told, taken } = handingIn({ recorded: done });
    expect([await taken, told.opened]).toEqual([done, []]);
  });
});
