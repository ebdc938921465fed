import { describe, expect, it } from 'vitest';
import { configurationDiff, formatChange, formatConfiguration } from '../../../activities/configuration/explain.js';
import type { Configuration } from '../../../workflows/domain/configuration.js';
import { edited, parse, small } from './support.js';

function configurationOf(text: string): Configuration {
  const parsed = parse(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.configuration;
}

const now = configurationOf(small);

describe('what would change', () => {
  const changes = (text: string) => configurationDiff(now, configurationOf(text)).map(formatChange);

  it('is nothing between two spellings of the same', () => {
    expect(changes(edited('attributes:', 'policy: { grace: 1440m }\n    attributes:'))).toEqual([]);
  });

  it.each([
    ['a time', 'attributes:', 'policy: { grace: 2d }\n    attributes:', '~ credentials.team/web.policy.grace: "1d" → "2d"'],
    ['a word', 'attributes:', 'policy: { every: 90d }\n    attributes:', '~ credentials.team/web.policy.every: "never" → "90d"'],
    ['a list', 'attributes:', 'accept: [no-last-used]\n    attributes:', '~ credentials.team/web.accept: [] → ["no-last-used"]'],
    [
      'a setting of a connector',
      'safe.example',
      'new.example',
      '~ stores.vault.url: "https://safe.example.com" → "https://new.example.com"',
    ],
    [
      'a setting of a consumer',
      '/etc/web-2',
      '/srv/web-2',
      '~ credentials.team/web.consumers.web-2.file: "/etc/web-2" → "/srv/web-2"',
    ],
    ['a reference', 'env:TOKEN', 'env:OTHER', '~ stores.vault.management.token: "env:TOKEN" → "env:OTHER"'],
    ['what appears', 'url:', 'timing: { settle: 90s }\n    url:', '+ stores.vault.timing'],
    ['what disappears', '  other: { kind: plain }\n', '', '- stores.other'],
    [
      'a kind of consumers',
      'consumers: { host: apps, all: true }',
      'consumers: none',
      '~ credentials.team/jobs.consumers: {"all":true,"host":"apps"} → "none"',
    ],
  ])('is told at its place: %s', (_, piece, by, ...printed) => {
    expect(changes(edited(piece, by))).toEqual(printed);
  });

  it('is a consumer as a whole where one comes or goes', () => {
    const without = edited('      - { name: web-2, host: disk, file: /etc/web-2, at: key }\n', '');
    expect(changes(without)).toEqual(['- credentials.team/web.consumers.web-2']);
    expect(configurationDiff(configurationOf(without), now).map(formatChange)).toEqual([
      '+ credentials.team/web.consumers.web-2',
    ]);
  });

  it('is the order of the consumers, since the first is the canary', () => {
    const swapped = edited('name: web-2, host: disk, file: /etc/web-2', 'name: web-1, host: disk, file: /etc/web-1');
    const other = swapped.replace('name: web-1, host: disk, file: /etc/web-1', 'name: web-2, host: disk, file: /etc/web-2');
    expect(changes(other)).toEqual(['~ credentials.team/web.consumers: ["web-1","web-2"] → ["web-2","web-1"]']);
  });

  it('is everything the first time', () => {
    expect(configurationDiff(null, now).map(formatChange)).toEqual([
      '+ stores.vault',
      '+ stores.other',
      '+ hosts.disk',
      '+ hosts.apps',
      '+ credentials.team/web',
      '+ credentials.team/jobs',
    ]);
  });
});

describe('a configuration that is shown', () => {
  it('says everything, in the form in which it is written', () => {
    const shown = formatConfiguration(configurationOf(edited('url:', 'timing: { settle: 90s }\n    url:')));
    for (const line of [
      'grace: 1d',
      'every: never',
      'wave: 25%',
      'token: env:TOKEN',
      'settle: 1m30s',
      'secret: file:/run/secrets/web',
    ]) {
      expect(shown).toContain(line);
    }
  });

  it('means the same when it is read again', () => {
    const defaults =
      'defaults: { rollout: { bake: 1m }, policy: { grace: 3h, downtime: 9m, approve: [start, take-away] } }\ncredentials:';
    const policy = 'policy: { every: 90d, window: "Sun 02:00-06:00 UTC", jitter: 2h, approve: [take-away] }';
    const own = edited('attributes:', `rollout: { wave: 7 }\n    ${policy}\n    accept: [no-last-used]\n    attributes:`);
    for (const text of [small, own, edited('credentials:', defaults), edited('credentials:', defaults, own)]) {
      expect(configurationOf(formatConfiguration(configurationOf(text)))).toEqual(configurationOf(text));
    }
  });
});
