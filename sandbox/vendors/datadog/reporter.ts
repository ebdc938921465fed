/**
 * Owns a program of a customer's own that reports metrics with Datadog's client, and takes a new
 * key from its .env file without a restart.
 */
import { readFileSync, statSync } from 'node:fs';
import { atPace, runProgram } from '../../consumers/program.js';
import { type Addresses, sendSeries } from './send-series.js';

const [name, file] = process.argv.slice(2) as [string, string];

runProgram<Addresses>(async (addresses, running) => {
  let stamp = '';
  let key = '';
  const send = async () => {
    const found = statSync(file);
    if (stamp !== `${found.ino} ${found.mtimeMs}`) {
      stamp = `${found.ino} ${found.mtimeMs}`;
      key = readKey(file);
      running.loaded(key);
    }
    if (running.traffic) await sendSeries(running, addresses, name, key, 'reporter/2.3.0');
  };

  await send();
  running.up();
  await atPace(running, addresses.sendEvery, send);
});

function readKey(path: string): string {
  for (const line of readFileSync(path, 'utf8').split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?DD_API_KEY=(["']?)(.*)\1\s*$/.exec(line);
    if (match?.[2]) return match[2];
  }
  throw new Error(`${path} holds no DD_API_KEY`);
}
