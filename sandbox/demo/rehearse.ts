/**
 * Owns the rehearsal of a leak: a key of each vendor is found in a made-up report, and answered for
 * under live traffic.
 */
import Table from 'cli-table3';
import { leakAndAnswer, type Way } from './leak.js';
import { findLeaks } from './leaks.js';
import { onStage, say } from './stage.js';
import { keysOf, secretsOf } from './watch.js';

const json = process.argv.includes('--json');
const way: Way = process.argv.includes('--contain') ? 'contain' : 'rotate';

const credentials = ['datadog/agents', 'soar/enrichment', 'docspace/exports', 'algolia/indexing', 'dnn/site-apps'];
const stories: Readonly<Record<Way, string>> = {
  rotate: 'every program is handed another key first, and nobody is refused',
  contain: 'the leaked keys die at once, and programs are refused until they have another one',
};

await onStage(
  credentials.map((credential) => credential.split('/')[0]!),
  async (rekey, ready) => {
    say(`\n${credentials.length} keys are found in a repository. ${way}: ${stories[way]}`);
    const { incident, keys, broken } = await leakAndAnswer(rekey, ready, credentials, way);
    const seen = [...(await keysOf(ready)).map(({ value }) => value), ...secretsOf(ready)];
    const leaks = await findLeaks(rekey, seen);
    const wrong = [...broken, ...leaks.map((place) => `a secret was found in ${place}`)];
    const ok = wrong.length === 0;

    const table = new Table({
      head: ['key', 'outcome', 'dead after', 'requests', 'refused', 'work lost'],
      style: { head: [], border: [] },
    });
    for (const key of keys) {
      const dead = key.deadAfterMs === null ? 'never' : `${(key.deadAfterMs / 1000).toFixed(1)} s`;
      table.push([key.credential, key.outcome ?? 'open', dead, key.requests, key.refused, key.lost]);
    }
    if (!json) process.stdout.write(`\n${table.toString()}\n`);
    say(
      ok
        ? `\n${incident.done} of ${incident.selected} keys are dead and replaced; nothing else was touched.`
        : `\nBroken: ${wrong.join('; ')}`,
    );
    say('next: docs/runbooks/leak.md');
    if (json) process.stdout.write(`${JSON.stringify({ ok, way, incident, keys, leaks: leaks.length })}\n`);
    return ok;
  },
);
