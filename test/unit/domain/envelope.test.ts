/** What a message is taken for: only what its receiver expects, and only from whoever sealed it. */
import { describe, expect, it } from 'vitest';
import { enclose, isProved, open } from '../../../workflows/domain/envelope.js';

const answer = enclose('answer', 'drain', 'n1', { done: true });
const expected = { kind: 'answer', of: 'drain', nonce: 'n1' } as const;

describe('an envelope', () => {
  it('opens for whoever expects it, with a nonce or, as a request, with any', () => {
    expect(open(expected, answer)?.body).toEqual({ done: true });
    expect(open({ kind: 'answer', of: 'drain' }, answer)?.nonce).toBe('n1');
    expect(open({ ...expected, nonce: 'n2' }, enclose('answer', 'drain', 'n2', undefined))?.body).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'answer'],
    ['what the codec refuses', { message: 'a message that is none of ours' }],
    ['another kind', { ...answer, kind: 'failure' }],
    ['another name', { ...answer, of: 'revoke' }],
    ['an earlier request', { ...answer, nonce: 'n0' }],
    ['no nonce', { ...answer, nonce: '' }],
    ['a nonce that is none', { ...answer, nonce: 7 }],
    ['a list', [answer]],
  ])('is not %s', (_, message) => {
    expect(open(expected, message)).toBeNull();
  });
});

describe('a failure', () => {
  const call = { of: 'drain', nonce: 'n1' };
  const sealed = enclose('failure', 'drain', 'n1', { code: 'KR_STILL_USED', message: 'still used' });
  const failure = { type: 'KR_STILL_USED', message: 'still used', details: [sealed] };

  it('is what its sender has sealed with it', () => {
    expect(isProved(call, failure)).toBe(true);
    const plain = enclose('failure', 'drain', 'n1', { code: null, message: 'odd' });
    expect(isProved(call, { message: 'odd', details: [plain] })).toBe(true);
  });

  it.each<[string, object]>([
    ['another type beside it', { type: 'KR_GUARD_REFUSED' }],
    ['other words', { message: 'it is fine' }],
    ['nothing sealed', { details: undefined }],
    ['no details', { details: [] }],
    ['what the codec refused', { details: [{ message: 'a message that is none of ours' }] }],
    ['an answer in place of it', { details: [{ ...sealed, kind: 'answer' }] }],
    ['one of an earlier call', { details: [{ ...sealed, nonce: 'n0' }] }],
  ])('is none with %s', (_, other) => {
    expect(isProved(call, { ...failure, ...other })).toBe(false);
  });
});
