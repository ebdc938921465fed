/**
 * Owns a program that behaves like a Datadog Agent: it reads its file at start and never again,
 * checks its key once, then sends what it collects, and drops what is answered 403. Source:
 * DataDog/datadog-agent, `comp/forwarder/defaultforwarder`.
 */
import { readFileSync } from 'node:fs';
import { askPatiently, atPace, runProgram } from '../../consumers/program.js';
import { type Addresses, sendSeries } from './send-series.js';

const [name, file] = process.argv.slice(2) as [string, string];

runProgram<Addresses>(async (addresses, running) => {
  const key = file.endsWith('.conf') ? readAgent5(file) : await readAgent7(file);
  if (key === undefined) throw new Error(`${file} holds no api_key`);
  running.loaded(key);
  const send = () => sendSeries(running, addresses, name, key, 'datadog-agent/7.66.1');

  // Real agents put the key into the query, where proxies can see it.
  await askPatiently(running, `${addresses.api}/api/v1/validate?api_key=${key}`, {
    headers: { 'user-agent': 'Go-http-client/1.1' },
  });
  if (running.traffic) await send();
  running.up();
  await atPace(running, addresses.sendEvery, send);
});

/** The reader of its format is loaded by those who need it: an agent is started often. */
async function readAgent7(path: string): Promise<string | undefined> {
  const { parse } = await import('yaml');
  const configuration = parse(readFileSync(path, 'utf8')) as { api_key?: unknown } | null;
  const key = configuration?.api_key;
  return typeof key === 'string' && key !== '' ? key : undefined;
}

/**
 * An ini file in which quotes are part of the value, and a line that is none of its own kinds is an
 * error.
 */
function readAgent5(path: string): string | undefined {
  let section = '';
  let key: string | undefined;
  for (const line of readFileSync(path, 'utf8').split(/\r?\n/)) {
    if (/^\s*([#;].*)?$/.test(line)) continue;
    const heading = /^\[(.+)\]\s*$/.exec(line);
    const setting = /^([\w.-]+)\s*[:=]\s*(.*?)\s*$/.exec(line);
    if (heading) section = heading[1]!;
    else if (!setting || section === '') throw new Error(`${path} holds a line that is neither section nor setting`);
    else if (section === 'Main' && setting[1] === 'api_key') key = setting[2];
  }
  return key || undefined;
}
