import { describe, expect, it } from 'vitest';
import { formatConfiguration } from '../../../activities/configuration/explain.js';
import type { Configuration } from '../../../workflows/domain/configuration.js';
import { edited, parse, small } from './support.js';

function configurationOf(text: string): Configuration {
  const parsed = parse(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.configuration;
}

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
    const own = edited(
      'attributes:',
      `rollout: { wave: 7 }\n    ${policy}\n    accept: [no-last-used]\n    labels: [prod, payments]\n    attributes:`,
    );
    for (const text of [small, own, edited('credentials:', defaults), edited('credentials:', defaults, own)]) {
      expect(configurationOf(formatConfiguration(configurationOf(text)))).toEqual(configurationOf(text));
    }
  });
});
