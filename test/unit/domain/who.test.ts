/** Who asks is told in full, or nothing is begun. */
import { describe, expect, it } from 'vitest';
import { requireWho, schedule, system } from '../../../workflows/domain/who.js';
import { tester } from '../../support/who.js';

describe('who asks', () => {
  it.each([[tester], [schedule], [system('datadog/agents#2')]])('is taken as %j', (who) => {
    expect(requireWho(who)).toBeUndefined();
  });

  it.each([
    ['nothing', undefined],
    ['a bare name', 'mallory'],
    ['a list', ['kind', 'name', 'proof', 'channel']],
    ['no name', { ...tester, name: '' }],
    ['a name that is none', { ...tester, name: { $ne: null } }],
    ['a name that writes over what stands before it', { ...tester, name: 'root\u001b[2K' }],
    ['a name without end', { ...tester, name: 'a'.repeat(201) }],
    ['a kind that there is not', { ...tester, kind: 'god' }],
    ['a proof that there is not', { ...tester, proof: 'trust me' }],
    ['no channel', { kind: 'person', name: 'test', proof: 'none' }],
  ])('is refused as %s', (_, who) => {
    expect(() => requireWho(who)).toThrow(expect.objectContaining({ code: 'KR_USAGE' }));
  });
});
