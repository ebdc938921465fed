import { describe, expect, it } from 'vitest';
import { config } from '../../../activities/connectors/key-stores/docspace/config.js';

describe('what a change opens', () => {
  const widens = (before: object, after: object) => config.widens!(before as never, after as never);

  it.each([
    [{ permissions: ['files:read'] }, { permissions: ['files:read', 'rooms:read'] }, ['it gets the scope rooms:read']],
    [{ permissions: ['files:write'] }, { permissions: ['files:read'] }, []],
    [{ permissions: ['*:read'] }, { permissions: ['files:read', 'files:write'] }, ['it gets the scope files:write']],
    [{ permissions: ['files:read'] }, { permissions: ['*'] }, ['it may do everything that its user may']],
    [{ permissions: ['files:read'] }, {}, ['it may do everything that its user may']],
    [{ permissions: ['*'] }, { permissions: ['*:write'] }, []],
    [{ permissions: ['*:write'] }, { permissions: ['*'] }, []],
    [{ expiresInDays: 30 }, { expiresInDays: 90 }, ['it lives 90 days and no longer 30 days']],
    [{ expiresInDays: 30 }, { expiresInDays: null }, ['it lives for ever and no longer 30 days']],
    [{ expiresInDays: null }, { expiresInDays: 30 }, []],
    [{ actsAs: 'a' }, { actsAs: 'b' }, ['it acts as another user']],
  ])('%j to %j: %j', (before, after, expected) => {
    expect(widens(before, after)).toEqual(expected);
  });
});

describe('instructions for a person', () => {
  const facts = { store: 'portal', keyName: 'rekey-aaaaaaaa-1', keyId: '00000000-0000-4000-8000-000000000001', attributes: {} };
  const { instructions } = config;

  it('name the key in every step that touches it, by what the portal shows of it', () => {
    for (const effect of ['mint', 'disable', 'enable', 'revoke'] as const) {
      const lines = instructions![effect]!(facts);
      expect(lines.join('\n')).toContain(facts.keyName);
      expect(lines.join('\n')).toContain('"API keys"');
    }
  });

  it.each([
    [{ permissions: ['*'] }, 'Permissions: "All".'],
    [{ permissions: ['*:read'] }, 'Permissions: "Read only".'],
    [
      { permissions: ['files:read', 'files:write'] },
      'Permissions: "Restricted", and in the list exactly files:read, files:write.',
    ],
    [{}, 'Permissions: those of the key that it follows.'],
    [{ expiresInDays: 90 }, 'Key lifetime: on, 90 days.'],
  ])('tell what %j is in the dialog', (attributes, line) => {
    expect(instructions!.mint!({ ...facts, attributes: attributes as never })).toContain(line);
  });
});

describe('its configuration', () => {
  const messages = (entry: object) =>
    config.settings
      .safeParse({ url: 'https://portal.example.com', management: { token: 'env:T' }, ...entry })
      .error?.issues.map(({ message }) => message)
      .join() ?? '';

  it('fills in what is not said', () => {
    const entry = { url: 'https://portal.example.com', management: { token: 'env:T' } };
    expect(config.settings.parse(entry)).toEqual({
      ...entry,
      timing: { request: 10_000, settle: 30_000, propagation: 5_000, lastUsedLag: 2_000 },
      accept: [],
    });
  });

  it.each([
    [{ url: 'http://portal.example.com' }, 'plain-http'],
    [{ url: 'https://portal.example.com/?a=b' }, 'query'],
    [{ timing: { lastUsedLag: '1s' } }, 'short-timing'],
    [{ accept: ['anything'] }, 'expected one of'],
  ])('refuses %j', (entry, message) => {
    expect(messages(entry)).toContain(message);
  });

  it.each([
    [{ permissions: ['files:read', '*:write', 'accounts.self:read'], expiresInDays: 365 }, true],
    [{}, true],
    [{ permissions: [] }, false],
    [{ permissions: ['files'] }, false],
    [{ expiresInDays: 366 }, false],
    [{ name: 'exports' }, false],
  ])('attributes %j: %s', (attributes, valid) => {
    expect(config.attributes.safeParse(attributes).success).toBe(valid);
  });
});
