import { describe, expect, it } from 'vitest';
import { edited, problemsOf } from './support.js';

describe('a problem', () => {
  /** What is wrong, the piece that is replaced, what by, and the line that is printed. */
  const table: readonly (readonly [sentence: string, piece: string, by: string, ...printed: string[]])[] = [
    ['a version that is missing', 'version: 1\n', '', '1:1: version: is missing; expected 1'],
    ['a version from the future', 'version: 1', 'version: 2', '1:10: version: is not known; expected 1'],
    ['a version in quotes', 'version: 1', 'version: "1"', '1:10: version: is text; expected 1'],
    [
      'a misspelt section',
      'hosts:',
      'host:',
      '8:1: unknown key "host"; expected "hosts", or another of: version, stores, defaults, limits, credentials',
      '18:30: credentials.team/web.consumers[0].host: there is no such host; expected a name from `hosts:`',
      '19:30: credentials.team/web.consumers[1].host: there is no such host; expected a name from `hosts:`',
      '24:24: credentials.team/jobs.consumers.host: there is no such host; expected a name from `hosts:`',
    ],
    [
      'a misspelt key',
      'strategy: overlap',
      'strategy: overlap\n    polcy: {}',
      '15:5: credentials.team/web: unknown key "polcy"; expected "policy", or another of: store, strategy, labels, current, attributes, consumers, rollout, accept',
    ],
    [
      'a misspelt key of a connector',
      'url:',
      'ulr:',
      '5:5: stores.vault: unknown key "ulr"; expected "url", or another of: management, timing, accept',
      '3:3: stores.vault.url: is missing; expected text',
    ],
    [
      'a misspelt key deep in a connector',
      'kind: safe',
      'kind: safe\n    timing: { setle: 1s }',
      '5:15: stores.vault.timing: unknown key "setle"; expected "settle"',
    ],
    [
      'a misspelt key of a consumer',
      'at: key }',
      'ta: key }',
      '18:54: credentials.team/web.consumers[0]: unknown key "ta"; expected "at", or another of: file, confirm',
      '18:9: credentials.team/web.consumers[0].at: is missing; expected text',
    ],
    [
      'a misspelt key in a choice of forms',
      'at: key }',
      'at: key, confirm: { lst4: x } }',
      '18:74: credentials.team/web.consumers[0].confirm: unknown key "lst4"; expected "last4", or another of: fingerprint',
      '18:63: credentials.team/web.consumers[0].confirm.last4: is missing; expected text',
    ],
    [
      'a value in none of the forms of a choice',
      'at: key }',
      'at: key, confirm: 4 }',
      '18:72: credentials.team/web.consumers[0].confirm: is a number; expected "none", or a mapping of keys to values',
    ],
    [
      'an unknown kind',
      'kind: safe',
      'kind: save',
      '4:11: stores.vault.kind: is not known; expected "safe", or another of: plain',
    ],
    [
      'a name in capitals',
      'other: {',
      'Other: {',
      '7:3: stores: the name is not in the right form; expected lower-case letters, digits and dashes, such as "datadog-eu"',
    ],
    [
      'a name with an empty part',
      'team/jobs:',
      'team//jobs:',
      '20:3: credentials: the name is not in the right form; expected lower-case letters, digits and dashes, such as "datadog/agents"',
    ],
    [
      'a store that does not exist',
      'store: vault\n    strategy: overlap',
      'store: volt\n    strategy: overlap',
      '13:12: credentials.team/web.store: there is no such store; expected one of: vault, other',
    ],
    [
      'a store whose name every object knows',
      'store: vault\n    strategy: overlap',
      'store: constructor\n    strategy: overlap',
      '13:12: credentials.team/web.store: there is no such store; expected one of: vault, other',
    ],
    [
      'a host that does not exist',
      'host: disk',
      'host: disc',
      '18:30: credentials.team/web.consumers[0].host: there is no such host; expected "disk", or another of: apps',
    ],
    [
      'a host whose store does not exist',
      'kind: apps, store: vault',
      'kind: apps, store: valt',
      '10:30: hosts.apps.store: there is no such store; expected "vault", or another of: other',
      '24:24: credentials.team/jobs.consumers.host: the host belongs to another store than the key; expected a host with the same `store`',
    ],
    [
      'a host whose store is of another kind',
      'kind: apps, store: vault',
      'kind: apps, store: other',
      '10:30: hosts.apps.store: is not a store of kind safe; expected "vault"',
      '24:24: credentials.team/jobs.consumers.host: the host belongs to another store than the key; expected a host with the same `store`',
    ],
    [
      'a strategy that does not exist',
      'strategy: in-place',
      'strategy: in_place',
      '22:15: credentials.team/jobs.strategy: is not known; expected "in-place", or another of: overlap',
    ],
    [
      'a strategy that the store cannot do',
      'store: vault\n    strategy: in-place',
      'store: other\n    strategy: in-place',
      '22:15: credentials.team/jobs.strategy: the keys of plain are not rotated so; expected overlap',
      '20:3: credentials.team/jobs.attributes.name: is missing; expected text',
      '24:24: credentials.team/jobs.consumers.host: the host belongs to another store than the key; expected a host with the same `store`',
    ],
    [
      'an attribute that the store does not know',
      '{ name: web }',
      '{ nam: web }',
      '16:19: credentials.team/web.attributes: unknown key "nam"; expected "name", or another of: rights',
    ],
    [
      'a consumer that is none, as the holder of the secret',
      '"file:/run/secrets/web"',
      'consumer:web-3',
      '15:34: credentials.team/web.current.secret: no consumer of the list has this name; expected "web-1", or another of: web-2',
    ],
    [
      'an id without quotes',
      'id: "17"',
      'id: 17',
      '15:20: credentials.team/web.current.id: is a number; expected text, in quotes',
    ],
    [
      'an id that is octal elsewhere',
      'id: "17"',
      'id: 017',
      '15:20: credentials.team/web.current.id: is a number; expected text, in quotes',
    ],
    [
      'an id that is empty',
      'id: "17"',
      'id: ""',
      '15:20: credentials.team/web.current.id: is empty; expected at least 1 characters',
    ],
    [
      'no consumers',
      'consumers: { host: apps, all: true }\n',
      '',
      '20:3: credentials.team/jobs.consumers: is missing; expected a list of consumers, { host: NAME, all: true }, or `none` if nobody uses the key',
    ],
    [
      'an empty list of consumers',
      'consumers: { host: apps, all: true }',
      'consumers: []',
      '24:16: credentials.team/jobs.consumers: the list is empty; expected at least one consumer, or `none` if nobody uses the key',
    ],
    [
      'consumers that are some word',
      'consumers: { host: apps, all: true }',
      'consumers: all',
      '24:16: credentials.team/jobs.consumers: is not right; expected a list of consumers, { host: NAME, all: true }, or `none` if nobody uses the key',
    ],
    [
      'all consumers of a host that cannot find them',
      'host: apps, all',
      'host: disk, all',
      '24:35: credentials.team/jobs.consumers.all: a host of kind files cannot find who uses a key; expected a list of consumers',
    ],
    [
      'two consumers of one name',
      'name: web-2',
      'name: web-1',
      '19:17: credentials.team/web.consumers[1].name: another consumer of this credential has the same name; expected a name of its own',
    ],
    [
      'a key that belongs to two credentials',
      'id: "18"',
      'id: "17"',
      '23:20: credentials.team/jobs.current.id: team/web has the same key; expected one credential for each key',
    ],
    [
      'a value that two credentials write',
      'consumers: { host: apps, all: true }',
      'consumers: [{ name: a, host: disk, file: /etc/../etc/web-1, at: key }]',
      '24:46: credentials.team/jobs.consumers[0].file: team/web writes the same value of the same file; expected a place for each credential',
    ],
    [
      'a duration without a unit',
      'strategy: overlap',
      'strategy: overlap\n    policy: { grace: 24 }',
      '15:22: credentials.team/web.policy.grace: is a number; expected a duration such as "500ms", "5m", "1h30m" or "90d"',
    ],
    [
      'a duration beyond all measure',
      'strategy: overlap',
      'strategy: overlap\n    policy: { grace: 9999d }',
      '15:22: credentials.team/web.policy.grace: is not right; expected a duration of at most 3650d',
    ],
    [
      'a wave of nothing',
      'strategy: overlap',
      'strategy: overlap\n    rollout: { wave: 0% }',
      '15:22: credentials.team/web.rollout.wave: is not right; expected a share from "1%" to "100%", or a count of at least 1',
    ],
    [
      'a canary of less than nothing',
      'strategy: overlap',
      'strategy: overlap\n    rollout: { canary: -1 }',
      '15:24: credentials.team/web.rollout.canary: is too small; expected at least 0',
    ],
    [
      'a window without a zone',
      'strategy: overlap',
      'strategy: overlap\n    policy: { window: "Sun 02:00-06:00" }',
      '15:23: credentials.team/web.policy.window: is not right; expected days, times and time zone such as "Sun 02:00-06:00 Europe/Berlin", or "always"',
    ],
    [
      'evidence that proves nothing',
      'strategy: overlap',
      'strategy: overlap\n    policy: { evidence: none }',
      '15:25: credentials.team/web.policy.evidence: is not known; expected one of: uses, loaded, rolled-out',
    ],
    [
      'a gate that does not exist',
      'strategy: overlap',
      'strategy: overlap\n    policy: { approve: [take_away] }',
      '15:25: credentials.team/web.policy.approve[0]: is not known; expected "take-away", or another of: start',
    ],
    [
      'a risk that does not exist',
      'strategy: overlap',
      'strategy: overlap\n    accept: [no-lastused]',
      '15:14: credentials.team/web.accept[0]: is not known; expected "no-last-used", or another of: no-way-back, source-not-shown',
    ],
    [
      'a label that could not be typed',
      'strategy: overlap',
      'strategy: overlap\n    labels: [Payments EU]',
      '15:14: credentials.team/web.labels[0]: is not right; expected lower-case letters, digits and dashes, such as "payments"',
    ],
    [
      'an assumption that the connector does not know',
      'kind: safe',
      'kind: safe\n    accept: [short-timings]',
      '5:14: stores.vault.accept[0]: is not known; expected "short-timing"',
    ],
    [
      'downtime with an overlap',
      'strategy: overlap',
      'strategy: overlap\n    policy: { downtime: 5m }',
      '15:25: credentials.team/web.policy.downtime: has no effect when the key is rotated with an overlap; expected it left out',
    ],
    [
      'waves in place',
      'strategy: in-place',
      'strategy: in-place\n    rollout: { canary: 1 }',
      '23:24: credentials.team/jobs.rollout.canary: has no effect when the key is rotated in place; expected it left out',
    ],
    [
      'a second gate in place',
      'strategy: in-place',
      'strategy: in-place\n    policy: { approve: [start, take-away] }',
      '23:32: credentials.team/jobs.policy.approve[1]: has no effect when the key is rotated in place; expected it left out',
    ],
    [
      'rotations that would overtake each other',
      'strategy: overlap',
      'strategy: overlap\n    policy: { every: 8d }',
      '15:22: credentials.team/web.policy.every: 8d is not longer than a rotation at its shortest: 10m bake (2 × 5m) + 1d grace + 7d soak = 8d10m',
    ],
    [
      'an empty credential',
      'team/jobs:',
      'team/none:\n  team/jobs:',
      '20:3: credentials.team/none: is empty; expected a mapping of keys to values',
    ],
    [
      'a section that is no mapping',
      'hosts:\n  disk: { kind: files }\n  apps: { kind: apps, store: vault }\n',
      'hosts: [disk]\n',
      '8:8: hosts: is a list; expected a mapping of keys to values',
      '16:30: credentials.team/web.consumers[0].host: there is no such host; expected a name from `hosts:`',
      '17:30: credentials.team/web.consumers[1].host: there is no such host; expected a name from `hosts:`',
      '22:24: credentials.team/jobs.consumers.host: there is no such host; expected a name from `hosts:`',
    ],
  ];

  it.each(table)('is told of %s, with its place and what would be right', (_, piece, by, ...printed) => {
    expect([...problemsOf(edited(piece, by))].sort()).toEqual([...printed].sort());
  });

  it('is told together with all the others, in the order of the file', () => {
    const text = edited(
      'id: "18"',
      'id: 18',
      edited('kind: files', 'kind: fils', edited('env:TOKEN', 'TOKEN', edited('version: 1', 'version: 3'))),
    );
    expect(problemsOf(text).map((line) => line.split(':').slice(0, 2).join(':'))).toEqual(['1:10', '6:26', '9:17', '23:20']);
  });

  it('is told once for each place, however many rules it breaks', () => {
    expect(problemsOf(edited('"env:TOKEN"', '17'))).toEqual([
      '6:26: stores.vault.management.token: is a number; expected text, in quotes',
    ]);
  });

  it('is one of a hundred at most, and then the rest is counted', () => {
    const many = Array.from({ length: 250 }, (_, index) => `key${index}: 1`).join('\n');
    const problems = problemsOf(`version: 1\n${many}\n`);
    expect(problems).toHaveLength(101);
    expect(problems.at(-1)).toBe('102:1: there are 150 more problems from here on');
  });
});
