/**
 * Owns a program that looks through a portal's rooms, and takes a new key from its file without a
 * restart.
 */
import { readFileSync, statSync } from 'node:fs';
import { parse } from 'yaml';
import { atPace, runProgram } from '../../consumers/program.js';
import { callPortal, type Portal } from './call-portal.js';

const [name, file] = process.argv.slice(2) as [string, string];

runProgram<Portal>(async (portal, running) => {
  let stamp = '';
  let key = '';
  const look = async () => {
    const found = statSync(file);
    if (stamp !== `${found.ino} ${found.mtimeMs}`) {
      stamp = `${found.ino} ${found.mtimeMs}`;
      key = readKey(file);
      running.loaded(key);
    }
    if (running.traffic) await callPortal(running, portal, name, key, { method: 'GET', path: '/api/2.0/files/rooms' });
  };

  await look();
  running.up();
  await atPace(running, portal.every, look);
});

function readKey(path: string): string {
  const settings = parse(readFileSync(path, 'utf8')) as { docspace?: { key?: unknown } } | null;
  const key = settings?.docspace?.key;
  if (typeof key === 'string' && key !== '') return key;
  throw new Error(`${path} holds no docspace.key`);
}
