/** Owns a site app that shows content, and takes a new key from its .env file without a restart. */
import { readFileSync, statSync } from 'node:fs';
import { atPace, runProgram } from '../../consumers/program.js';
import { askContent, type ContentSettings } from './ask-content.js';

const [name, file] = process.argv.slice(2) as [string, string];

runProgram<ContentSettings>(async (settings, running) => {
  let stamp = '';
  let key = '';
  const ask = async () => {
    const found = statSync(file);
    if (stamp !== `${found.ino} ${found.mtimeMs}`) {
      stamp = `${found.ino} ${found.mtimeMs}`;
      key = readKey(file);
      running.loaded(key);
    }
    if (running.traffic) await askContent(running, settings, name, key, 'read');
  };

  await ask();
  running.up();
  await atPace(running, settings.askEvery, ask);
});

function readKey(path: string): string {
  const value = /^LIQUID_CONTENT_KEY=(["']?)(.*)\1\s*$/m.exec(readFileSync(path, 'utf8'))?.[2];
  if (!value) throw new Error(`${path} holds no LIQUID_CONTENT_KEY`);
  return value;
}
