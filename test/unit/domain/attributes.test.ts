/**
 * What a change of a key that keeps its secret amounts to: the whole image, the difference, what it
 * opens, what speaks against it.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { connectors } from '../../../activities/configuration/connectors.js';
import {
  imageFinding,
  imagesDiffer,
  inWords,
  type KeyImage,
  opened,
  type PastUpdate,
  rightsDiffer,
  type UpdateFacts,
  updateFinding,
  wantedImage,
} from '../../../workflows/domain/attributes.js';
import type { JsonObject, KeyChange } from '../../../workflows/domain/credential.js';

const configOf = (kind: string) => connectors.stores.find((store) => store.kind === kind)!;
const algolia = configOf('algolia');
const docspace = configOf('docspace');
const now = Date.parse('2026-05-01T12:00:30Z');

const present: KeyImage = {
  name: 'storefront rekey-0a1b2c3d-0123456789abc',
  rights: {
    acl: ['search'],
    indexes: ['products'],
    maxHitsPerQuery: 50,
    maxQueriesPerIPPerHour: 0,
    queryParameters: 'filters=visible%3Atrue',
    referers: ['https://shop.example.com/*'],
    validUntil: null,
  },
  state: 'live',
};
const set = (change: Partial<Extract<KeyChange, { kind: 'set' }>>) =>
  ({ kind: 'set', name: null, active: null, attributes: {}, resetUnspecified: false, ...change }) as const;
const wished = (config: typeof algolia, declared: JsonObject = {}, longestName = 255) => ({
  declared,
  ofNewKeys: config.changes!.ofNewKeys,
  defaults: config.defaultRights!,
  longestName,
  rightsWith: (rights: JsonObject, attributes: JsonObject) => config.changes!.rightsWith(rights, attributes, now),
});
const wanted = (change: Parameters<typeof wantedImage>[0], declared?: JsonObject) =>
  wantedImage(change, present, wished(algolia, declared));

describe('the image that is asked for', () => {
  it('keeps what is not said', () => {
    expect(wanted(set({ attributes: { maxHitsPerQuery: 20 } }))).toEqual({
      ...present,
      rights: { ...present.rights, maxHitsPerQuery: 20 },
    });
  });

  it('gives what is not said the defaults of the vendor, when that is asked for, and keeps what has none', () => {
    expect(wanted(set({ attributes: { referers: ['https://other.example.com/*'] }, resetUnspecified: true })).rights).toEqual({
      ...algolia.defaultRights,
      acl: ['search'],
      referers: ['https://other.example.com/*'],
    });
  });

  it('is what is declared, but for what only new keys are held to', () => {
    const declared = { name: 'storefront', validity: 3600, securedKeys: { validFor: '1h' }, acl: ['search', 'browse'] };
    expect(imagesDiffer(present, wanted({ kind: 'declared' }, declared))).toEqual([
      { what: 'acl', before: ['search'], after: ['search', 'browse'] },
    ]);
  });

  it('keeps the tag in the name where there is room for it', () => {
    expect(wanted(set({ name: 'shop' })).name).toBe('shop rekey-0a1b2c3d-0123456789abc');
    const tagged = { ...present, name: 'rekey-0a1b2c3d-0123456789abc' };
    expect(wantedImage(set({ name: 'exports' }), tagged, wished(docspace, {}, 30)).name).toBe('exports');
    expect(wantedImage(set({ name: 'shop' }), { ...present, name: 'storefront' }, wished(algolia)).name).toBe('shop');
  });

  it('ends at a minute that is counted from now', () => {
    expect(wanted(set({ attributes: { validity: 3600 } })).rights.validUntil).toBe('2026-05-01T13:00Z');
    expect(wanted(set({ attributes: { validity: 0 } })).rights.validUntil).toBe(null);
  });

  it('is refused where the store could not make it so', () => {
    expect(() => wanted(set({ attributes: { securedKeys: { validFor: '1h' } } }))).toThrow('securedKeys');
    const rights = { permissions: ['files:read'], actsAs: 'u', expiresInDays: null };
    expect(() => docspace.changes!.rightsWith(rights, { expiresInDays: 30 }, now)).toThrow('cannot be changed');
    expect(docspace.changes!.rightsWith(rights, { permissions: ['rooms:read', 'files:read'] }, now)).toEqual({
      ...rights,
      permissions: ['files:read', 'rooms:read'],
    });
  });
});

describe('a difference', () => {
  it('is told of name, state and every right, in words', () => {
    const after: KeyImage = { name: 'x', state: 'disabled', rights: { ...present.rights, acl: ['browse'] } };
    expect(inWords(imagesDiffer({ ...present, name: 'y' }, after))).toBe(
      'name: "y" → "x"; active: true → false; acl: ["search"] → ["browse"]',
    );
  });

  it('is none where only the order of a list is another', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { maxLength: 5 }), (list) => {
        expect(rightsDiffer({ list }, { list: [...list].reverse() })).toEqual([]);
      }),
    );
  });

  it('is seen whatever right it is in', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (rights, name) => {
        const before = rights as JsonObject;
        const after = { ...before, [name]: ['another', 'value', '!'] };
        const same = JSON.stringify(before[name]) === JSON.stringify(after[name]);
        expect(rightsDiffer(before, after).map(({ what }) => what)).toEqual(same ? [] : [name]);
      }),
    );
  });
});

describe('what a change opens', () => {
  it('is told by the connector, and counts as everything where nobody can tell', () => {
    const after = { ...present, rights: { ...present.rights, referers: [] } };
    expect(opened(present, after, algolia.widens)).toEqual(['referers is dropped: all referrers are allowed']);
    expect(opened(after, present, algolia.widens)).toEqual([]);
    expect(opened(after, present, undefined)).toHaveLength(1);
  });
  it('is also a key that is switched on again', () => {
    expect(opened({ ...present, state: 'disabled' }, present, algolia.widens)).toEqual(['the key is accepted again']);
  });
});

const facts: UpdateFacts = {
  store: 'shop',
  managementWorks: true,
  isManagementKey: false,
  sameAccount: true,
  changes: true,
  disables: true,
  keyId: 'k1',
  state: 'live',
  used: false,
  last: null,
};
const last: PastUpdate = { run: 'a#2', keyId: 'k1', before: { ...present, name: 'older' }, after: present };

describe('what speaks against a change', () => {
  const against = (given: Partial<UpdateFacts>, change: KeyChange = { kind: 'declared' }) =>
    updateFinding({ ...facts, ...given }, change)?.reason;

  it('is nothing on a good day', () => expect(against({})).toBeUndefined());

  it.each([
    [{ managementWorks: false }, 'management-refused'],
    [{ keyId: null }, 'no-current-key'],
    [{ changes: false }, 'no-update'],
    [{ isManagementKey: true }, 'management-key'],
    [{ sameAccount: false }, 'account-changed'],
    [{ state: null }, 'key-missing'],
    [{ state: 'expired' }, 'not-changeable'],
    [{ state: 'locked' }, 'not-changeable'],
  ] as [Partial<UpdateFacts>, string][])('is %j', (given, reason) => expect(against(given)).toBe(reason));

  it('is, of an undo, that there is none, or that the key is another or is not as it was left', () => {
    const undo = { kind: 'undo' } as const;
    expect(against({}, undo)).toBe('nothing-to-undo');
    expect(against({ last: { ...last, keyId: 'k0' } }, undo)).toBe('rotated-since');
    expect(against({ last }, undo)).toBeUndefined();
    expect(imageFinding({ ...facts, last }, undo, present, last.before)).toBeNull();
    const changed = { ...present, rights: { ...present.rights, acl: ['browse'] } };
    expect(imageFinding({ ...facts, last }, undo, changed, last.before)?.reason).toBe('changed-since');
  });

  it('is, of switching off, that somebody is declared to use it, whoever asks, or that the store has no switch', () => {
    const off = { ...present, state: 'disabled' } as const;
    const reason = (given: Partial<UpdateFacts>, before: KeyImage = present) =>
      imageFinding({ ...facts, ...given }, set({ active: false }), before, off)?.reason;
    expect(reason({})).toBeUndefined();
    expect(reason({ used: true })).toBe('in-use');
    expect(reason({ disables: false })).toBe('cannot-disable');
    // It is off already: changing another thing of it takes nothing away.
    expect(reason({ used: true }, off)).toBeUndefined();
    // An undo switches off, too.
    expect(imageFinding({ ...facts, used: true, last: { ...last, before: off } }, { kind: 'undo' }, present, off)?.reason).toBe(
      'in-use',
    );
  });
});
