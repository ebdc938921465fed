/**
 * Owns an app that reads its key from a YAML file at the start and never again, and then reads
 * content or keeps it up to date.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { atPace, runProgram } from '../../consumers/program.js';
import { askContent, type ContentSettings, type Deed } from './ask-content.js';

const [name, file, deed] = process.argv.slice(2) as [string, string, Deed];

runProgram<ContentSettings>(async (settings, running) => {
  const { content } = parse(readFileSync(file, 'utf8')) as { content?: { apiKey?: unknown } };
  const key = content?.apiKey;
  if (typeof key !== 'string' || key === '') throw new Error(`${file} holds no content.apiKey`);
  running.loaded(key);
  const ask = () => askContent(running, settings, name, key, deed);

  if (running.traffic) await ask();
  running.up();
  await atPace(running, settings.askEvery, ask);
});
