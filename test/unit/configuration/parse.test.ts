import { describe, expect, it } from 'vitest';
import { credentialOf, edited, parse, problemsOf, small } from './support.js';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

describe('a configuration without problems', () => {
  it('has every default filled in', () => {
    expect(credentialOf(small)).toEqual({
      name: 'team/web',
      store: 'vault',
      strategy: 'overlap',
      attributes: { name: 'web' },
      consumers: {
        kind: 'list',
        list: [
          { name: 'web-1', host: 'disk', settings: { file: '/etc/web-1', at: 'key' } },
          { name: 'web-2', host: 'disk', settings: { file: '/etc/web-2', at: 'key' } },
        ],
      },
      rollout: { canary: 1, wave: { share: 0.25 }, bake: 5 * minute },
      policy: {
        every: null,
        window: null,
        jitter: 0,
        grace: day,
        soak: 7 * day,
        evidence: 'uses',
        confirm: 5 * minute,
        downtime: null,
        approve: [],
        approveWithin: 3 * day,
        keepRevoked: 7 * day,
      },
      accept: [],
      labels: [],
      current: { id: '17', secret: 'file:/run/secrets/web' },
    });
  });

  it('takes the word of the host in place, where every instance was stopped', () => {
    expect(credentialOf(small, 'team/jobs')).toMatchObject({
      consumers: { kind: 'all', host: 'apps' },
      current: { id: '18', secret: null },
      policy: { evidence: 'rolled-out' },
    });
  });

  it('prefers what the credential says to `defaults`, and `defaults` to what is built in', () => {
    const defaults =
      'defaults: { rollout: { wave: 3 }, policy: { every: 90d, grace: 1h, window: "Sun 02:00-06:00 UTC" } }\ncredentials:';
    const text = edited(
      'attributes:',
      'policy: { grace: 2h, window: always }\n    attributes:',
      edited('credentials:', defaults),
    );
    expect(credentialOf(text)).toMatchObject({
      rollout: { canary: 1, wave: { count: 3 } },
      policy: { every: 90 * day, grace: 2 * hour, window: null, soak: 7 * day },
    });
  });

  it.each([
    ['a share of the consumers', 'wave: 25%', { share: 0.25 }],
    ['all at once', 'wave: 100%', { share: 1 }],
    ['a count', 'wave: 5', { count: 5 }],
  ])('understands waves of %s', (_, wave, expected) => {
    expect(credentialOf(edited('attributes:', `rollout: { ${wave} }\n    attributes:`)).rollout.wave).toEqual(expected);
  });

  it.each([
    ['every: never', 'every'],
    ['window: always', 'window'],
    ['downtime: any', 'downtime'],
  ] as const)('takes a default back with %s', (word, key) => {
    const defaults = 'defaults: { policy: { every: 90d, window: "Sun 02:00-06:00 UTC", downtime: 5m } }\ncredentials:';
    const text = edited(
      'current: { id: "18" }',
      `current: { id: "18" }\n    policy: { ${word} }`,
      edited('credentials:', defaults),
    );
    expect(credentialOf(text, 'team/jobs').policy[key]).toBeNull();
  });

  it('leaves out of the defaults what has no effect under its strategy, so that changing that does not change it', () => {
    const defaults =
      'defaults: { rollout: { bake: 1h }, policy: { grace: 1h, downtime: 9m, approve: [start, take-away] } }\ncredentials:';
    const text = edited('credentials:', defaults);
    expect(credentialOf(text)).toMatchObject({
      rollout: { bake: hour },
      policy: { grace: hour, downtime: null, approve: ['start', 'take-away'] },
    });
    expect(credentialOf(text, 'team/jobs')).toMatchObject({
      rollout: { bake: 5 * minute },
      policy: { grace: day, downtime: 9 * minute, approve: ['start'] },
    });
  });

  it('may have sections in which everything is commented out', () => {
    expect(problemsOf('version: 1\nstores:\nhosts:\ndefaults:\ncredentials:\n')).toEqual([]);
    expect(problemsOf('version: 1')).toEqual([]);
  });

  it('may declare that nobody uses a key', () => {
    expect(credentialOf(edited('consumers: { host: apps, all: true }', 'consumers: none'), 'team/jobs').consumers).toEqual({
      kind: 'none',
    });
  });

  it('may have two programs that take one key from one place', () => {
    expect(problemsOf(edited('/etc/web-2', '/etc/web-1'))).toEqual([]);
  });

  it('has a hash that tells meaning from spelling', () => {
    const hash = (text: string) => {
      const parsed = parse(text);
      return parsed.ok ? parsed.hash : null;
    };
    const respelt = edited('management: { token: "env:TOKEN" }', "management:\n      token: 'env:TOKEN' # where it is", small);
    expect(hash(respelt)).toBe(hash(small));
    expect(hash(edited('attributes:', 'policy: { grace: 24h }\n    attributes:'))).toBe(hash(small));

    expect(hash(edited('id: "17", secret: "file:/run/secrets/web"', 'secret: "file:/run/secrets/web", id: "17"'))).toBe(
      hash(small),
    );
    const stores =
      'stores:\n  other: { kind: plain }\n  vault: { management: { token: "env:TOKEN" }, url: "https://safe.example.com", kind: safe }\n';
    const reordered = small.replace(/stores:[\s\S]*?(?=hosts:)/, stores);
    expect(hash(reordered)).toBe(hash(small));
    expect(hash(edited('attributes:', 'policy: { grace: 25h }\n    attributes:'))).not.toBe(hash(small));
    expect(hash(small)).toMatch(/^[0-9a-f]{64}$/);
  });

  it('holds nothing but plain JSON', () => {
    const parsed = parse(small);
    expect(parsed.ok && JSON.parse(JSON.stringify(parsed.configuration))).toStrictEqual(parsed.ok && parsed.configuration);
  });
});
