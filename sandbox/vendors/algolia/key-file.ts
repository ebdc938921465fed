/** Owns a .env file that a program looks at again whenever it needs its key. */
import { readFileSync, statSync } from 'node:fs';
import type { Running } from '../../consumers/program.js';

/** Answers with the key that stands there now, and shows it when it has changed. */
export function watchedKey(file: string, variable: string, running: Running): () => string {
  let stamp = '';
  let key = '';
  return () => {
    const found = statSync(file);
    if (stamp === `${found.ino} ${found.mtimeMs}`) return key;
    stamp = `${found.ino} ${found.mtimeMs}`;
    key = readKey(file, variable);
    running.loaded(key);
    return key;
  };
}

function readKey(file: string, variable: string): string {
  for (const line of readFileSync(file, 'utf8').split(/\r?\n/)) {
    const [, name, , value] = /^\s*(?:export\s+)?(\w+)=(["']?)(.*)\2\s*$/.exec(line) ?? [];
    if (name === variable && value) return value;
  }
  throw new Error(`${file} holds no ${variable}`);
}
