/**
 * Owns a program that writes documents into a portal: it reads its key at the start and never
 * again, as most do.
 */
import { readFileSync } from 'node:fs';
import { atPace, runProgram } from '../../consumers/program.js';
import { callPortal, type Portal } from './call-portal.js';

const [name, file] = process.argv.slice(2) as [string, string];

runProgram<Portal>(async (portal, running) => {
  const key = readKey(file);
  running.loaded(key);
  let number = 0;
  const write = () => {
    number += 1;
    const body = { title: `${name} ${process.pid}-${number}.docx` };
    return callPortal(running, portal, name, key, { method: 'POST', path: '/api/2.0/files/@my/file', body });
  };

  if (running.traffic) await write();
  running.up();
  await atPace(running, portal.every, write);
});

function readKey(path: string): string {
  for (const line of readFileSync(path, 'utf8').split(/\r?\n/)) {
    const match = /^\s*DOCSPACE_API_KEY=(["']?)(\S+)\1\s*$/.exec(line);
    if (match) return match[2]!;
  }
  throw new Error(`${path} holds no DOCSPACE_API_KEY`);
}
