/** How a leaked key dies at once, and what speaks against it: whose it is, and nothing else. */
import { describe, expect, it } from 'vitest';
import { killBy, mayContain, replacesFirst } from '../../../workflows/domain/contain.js';

const switched = { disable: true, undoDelete: 'none', listsKeys: true } as const;
const room = { keys: 2, maxKeys: 5 };

describe('a leaked key', () => {
  it('is switched off where the store has a switch that it shows, else it is deleted', () => {
    expect(killBy(switched, room)).toBe('disable');
    expect(killBy({ ...switched, disable: false }, room)).toBe('revoke');
    expect(killBy({ ...switched, undoDelete: 'api' }, room)).toBe('revoke');
    expect(killBy({ ...switched, listsKeys: false }, room)).toBe('revoke');
  });

  it('makes room for the key in its place where there is none', () => {
    const full = { keys: 5, maxKeys: 5 };
    expect([killBy(switched, full), replacesFirst({ ...switched, disable: false }, full)]).toEqual(['revoke', false]);
  });

  it('is replaced first where its rights would go with it, and where the store must keep a key', () => {
    expect([replacesFirst({ ...switched, disable: false }, room), replacesFirst(switched, room)]).toEqual([true, false]);
  });
});

describe('what contains a leak', () => {
  const facts = {
    isCompromised: true,
    isManagementKey: false,
    sameAccount: true,
    kill: 'revoke',
    keysInStore: 2,
    minimumKeys: 1,
  } as const;

  it.each([
    [{ isCompromised: false }, 'not-leaked'],
    [{ isManagementKey: true }, 'management-key'],
    [{ sameAccount: false }, 'another-account'],
    [{ keysInStore: 1 }, 'last-key'],
  ])('is refused with %o', (other, reason) => {
    expect(mayContain({ ...facts, ...other })).toMatchObject({ ok: false, reason });
  });

  it('asks nobody whether the key is used; one that is switched off is still counted by the store', () => {
    expect(mayContain(facts).ok).toBe(true);
    expect(mayContain({ ...facts, kill: 'disable', keysInStore: 1 }).ok).toBe(true);
    expect(mayContain({ ...facts, keysInStore: null }).ok).toBe(true);
  });
});
