/**
 * Plays the models of verbs and exits with a seed of the day, for longer than `npm test` does. What
 * it finds is kept in the model's test.
 */
import { spawnSync } from 'node:child_process';

const seed = process.env.REKEY_MODEL_SEED ?? String(Date.now() % 1_000_000_000);
const searches = [
  ['fast', 'test/unit/domain/said.model.test.ts', '20000'],
  ['workflow', 'test/workflow/exits.model.test.ts', '400'],
  ['workflow', 'test/workflow/incident.model.test.ts', '400'],
];
for (const [project, file, runs] of searches) {
  console.log(`REKEY_MODEL_SEED=${seed} REKEY_MODEL_RUNS=${runs} ${file}`);
  const env = { ...process.env, REKEY_MODEL_SEED: seed, REKEY_MODEL_RUNS: runs };
  const { status } = spawnSync('npx', ['vitest', 'run', '--project', project, '--testTimeout', '1800000', file], {
    env,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(1);
}
