/**
 * A program with a pool of database connections, as many programs are: it takes DATABASE_URL from a
 * dotenv file, and on SIGHUP it reads the file again, opens a new pool, lets new work go there, and
 * closes the old one when its last query has ended. `pool-app.mjs ENV-FILE STATUS-FILE`
 */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const [, , envFile, statusFile] = process.argv;
const counts = { queries: 0, failedQueries: 0, failedLogins: 0, refusedReports: 0 };
const lanes = 6;

/** Pools that hold connections, the one for new work last. */
const pools = [];

/**
 * What no reload knows of: a report takes the address when it is planned, and connects when it is
 * due.
 */
const report = { url: null, refused: null };

function show() {
  const lines = pools.map(({ fingerprint }) => `fingerprint: ${fingerprint} pid ${process.pid}`);
  if (report.refused) lines.push(`refused: ${report.refused}`);
  writeFileSync(`${statusFile}.new`, `${lines.join('\n')}\n`);
  renameSync(`${statusFile}.new`, statusFile);
}

function fingerprintOf(secret) {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  const bits = [...createHash('sha256').update(`rekey:v1:${secret}`).digest()]
    .map((b) => b.toString(2).padStart(8, '0'))
    .join('');
  return bits
    .match(/.{5}/g)
    .slice(0, 12)
    .map((five) => alphabet[Number.parseInt(five, 2)])
    .join('');
}

async function reload() {
  const url = /^DATABASE_URL=(.+)$/m.exec(readFileSync(envFile, 'utf8'))[1];
  const fingerprint = fingerprintOf(url);
  if (pools.at(-1)?.fingerprint === fingerprint) return;
  const pool = new pg.Pool({ connectionString: url, max: lanes, application_name: 'pool-app' });
  pool.on('error', () => {
    counts.failedQueries += 1;
  });
  pools.push({ pool, fingerprint });
  show();
  for (const old of pools.slice(0, -1)) {
    await old.pool.end();
    pools.splice(pools.indexOf(old), 1);
  }
  show();
}

async function work() {
  for (;;) {
    try {
      await pools.at(-1).pool.query('insert into orders (at) values (clock_timestamp())');
      counts.queries += 1;
    } catch (error) {
      if (/^28/.test(error.code ?? '')) counts.failedLogins += 1;
      else counts.failedQueries += 1;
    }
    await sleep(20);
  }
}

/** It tries until it is let in. */
async function makeReport() {
  for (;;) {
    const client = new pg.Client({ connectionString: report.url, application_name: 'report' });
    try {
      await client.connect();
      await client.end();
      report.refused = null;
      return show();
    } catch (error) {
      counts.refusedReports += 1;
      report.refused = error.message;
      show();
      await sleep(100);
    }
  }
}

// One after the other: two hand-outs in a row must not close each other's pool.
let reloading = reload();
process.on('SIGHUP', () => {
  reloading = reloading.then(reload);
});
process.on('message', (message) => {
  if (message === 'counts') process.send(counts);
  if (message === 'plan a report') report.url = pools.at(-1).pool.options.connectionString;
  if (message === 'make the report') void makeReport();
});
await reloading;
for (let lane = 0; lane < lanes; lane++) void work();
process.send('ready');
