/**
 * What speaks against a rotation before anything is changed: each finding names its reason, and all
 * are told at once.
 */
import { describe, expect, it } from 'vitest';
import type { CredentialSpec } from '../../../workflows/domain/credential.js';
import type { Inspection } from '../../../workflows/domain/observations.js';
import { consumerFindings, type StoreFacts, storeFindings } from '../../../workflows/domain/preflight.js';
import { mayRegenerate } from '../../../workflows/domain/regenerate.js';

const spec = {
  name: 'dd/agents',
  store: 'dd',
  strategy: 'overlap',
  consumers: { kind: 'list', list: [{ name: 'web-1', host: 'h', settings: {} }] },
  policy: { evidence: 'uses' },
  accept: [],
} as unknown as CredentialSpec;
const inPlace = { ...spec, strategy: 'in-place' } as CredentialSpec;
const facts: StoreFacts = {
  managementWorks: true,
  isManagementKey: false,
  sameAccount: true,
  keys: 3,
  maxKeys: 50,
  previous: { generation: 1, keyId: 'k', inStore: true, inVault: true, accepted: true },
  hasLastUsed: true,
  revokedByHand: false,
  usedBy: null,
};
const reasons = (change: Partial<StoreFacts>, of = spec) =>
  storeFindings({ ...facts, ...change }, of, ['web-1']).map((f) => f.reason);

describe('preflight of the store', () => {
  it('finds nothing when all is well', () => expect(reasons({})).toEqual([]));
  it('refuses a management credential that does not work', () =>
    expect(reasons({ managementWorks: false })).toEqual(['management-refused']));
  it('refuses a credential without a key', () => expect(reasons({ previous: null })).toEqual(['no-current-key']));
  it('refuses to rotate the key that it manages the store with', () =>
    expect(reasons({ isManagementKey: true })).toEqual(['management-key']));
  it('refuses another account', () => expect(reasons({ sameAccount: false })).toEqual(['account-changed']));
  it('refuses when there is no room for one more, naming the limit', () => {
    const [finding] = storeFindings({ ...facts, keys: 50 }, spec, []);
    expect(finding).toMatchObject({ reason: 'no-room', message: expect.stringContaining('50 of at most 50') as string });
  });
  it('refuses when there would be no way back, unless that was accepted by name', () => {
    const unknown = { previous: { ...facts.previous!, inVault: false, accepted: false } };
    expect(reasons(unknown)).toEqual(['no-way-back']);
    expect(reasons(unknown, { ...spec, accept: ['no-way-back'] })).toEqual([]);
  });
  it('refuses an old secret that the store does not accept', () => {
    expect(reasons({ previous: { ...facts.previous!, accepted: false } })).toEqual(['old-not-accepted']);
  });
  it('tells everything at once', () => {
    expect(reasons({ isManagementKey: true, keys: 50, hasLastUsed: false })).toEqual([
      'management-key',
      'no-room',
      'no-last-used',
    ]);
  });
  it('in place: refuses a consumer that nobody declared, and needs neither room nor the old secret', () => {
    expect(reasons({ usedBy: ['web-1', 'shadow'] }, inPlace)).toEqual(['unknown-consumer']);
    expect(reasons({ keys: 50, previous: { ...facts.previous!, inVault: false } }, inPlace)).toEqual([]);
  });
});

describe('preflight of a consumer', () => {
  const seen: Inspection = {
    consumer: 'web-1',
    state: 'running',
    instances: [{ id: '1', generation: 1, evidence: 'uses' }],
    source: 1,
    showsSource: true,
    healthy: true,
    authenticationFailed: false,
    detail: '',
  };
  const found = (change: Partial<Inspection>, of = spec) => consumerFindings({ ...seen, ...change }, of, 1).map((f) => f.reason);

  it('finds nothing when it is on the current version', () => expect(found({})).toEqual([]));
  it('refuses one that is not healthy, naming it', () => {
    expect(consumerFindings({ ...seen, healthy: false, detail: 'exit 3' }, spec, 1)[0]!.message).toMatch(/web-1.*exit 3/);
  });
  it('refuses one that uses another key', () =>
    expect(found({ instances: [{ id: '1', generation: null, evidence: 'uses' }] })).toEqual(['not-on-current']));
  it('refuses one whose new instances would start with another key', () =>
    expect(found({ source: null })).toEqual(['source-differs']));
  it('refuses one whose source cannot be seen, until that is accepted', () => {
    const hidden = { showsSource: false, source: null };
    expect(found(hidden)).toEqual(['source-not-shown']);
    expect(found(hidden, { ...spec, accept: ['source-not-shown'] })).toEqual([]);
  });
  it('in place: does not ask for a version, since its secret is nowhere to compare with', () =>
    expect(found({ instances: [], source: null }, inPlace)).toEqual([]));
});

describe('mayRegenerate', () => {
  const stopped = { consumer: 'a', state: 'stopped', instances: [], ageMs: 10 } as never;
  it('says yes when everyone was just seen stopped', () => expect(mayRegenerate(['a'], [stopped]).ok).toBe(true));
  it('refuses without a fresh look', () => {
    expect(mayRegenerate(['a'], [{ ...(stopped as object), ageMs: 40_000 } as never])).toMatchObject({ reason: 'stale' });
    expect(mayRegenerate(['a', 'b'], [stopped])).toMatchObject({ reason: 'stale' });
  });
  it('refuses while an instance runs', () => {
    expect(mayRegenerate(['a'], [{ ...(stopped as object), instances: [{}] } as never])).toMatchObject({
      reason: 'still-running',
    });
    expect(mayRegenerate(['a'], [{ ...(stopped as object), state: 'stopping' } as never])).toMatchObject({
      reason: 'still-running',
    });
  });
});

describe('a preflight for a leaked key', () => {
  const urgent = (way: 'rotate' | 'contain', change: Partial<StoreFacts>) =>
    storeFindings({ ...facts, ...change }, spec, [], { incident: 'incident-1', way, revokeBy: null }).map((f) => f.reason);
  const dead = { previous: { ...facts.previous!, accepted: false, inStore: false } };

  it('is held up by nothing that only waiting or a way back would need', () => {
    expect(urgent('rotate', { ...dead, hasLastUsed: false })).toEqual([]);
    expect(urgent('rotate', { previous: { ...facts.previous!, inVault: false } })).toEqual([]);
  });

  it('still needs room for one more key, unless the leaked one makes it', () => {
    const full = { keys: 5, maxKeys: 5 };
    expect([urgent('rotate', full), urgent('contain', full)]).toEqual([['no-room'], []]);
  });

  it('ends nothing at once where a person deletes keys', () => {
    const byHand = { revokedByHand: true };
    expect([urgent('rotate', byHand), urgent('contain', byHand)]).toEqual([[], ['by-hand']]);
  });
});
