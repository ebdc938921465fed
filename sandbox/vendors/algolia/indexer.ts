/**
 * Owns a program that brings a catalogue into the index: it reads its settings at start and never
 * again, and drops what is refused.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { atPace, runProgram } from '../../consumers/program.js';
import { type Addresses, send } from './request.js';

const [name, file] = process.argv.slice(2) as [string, string];

runProgram<Addresses>(async ({ appId, write, sendEvery }, running) => {
  const settings = parse(readFileSync(file, 'utf8')) as { algolia?: { api_key?: unknown } } | null;
  const key = settings?.algolia?.api_key;
  if (typeof key !== 'string' || key === '') throw new Error(`${file} holds no algolia.api_key`);
  running.loaded(key);
  let number = 0;
  const index = async () => {
    const body = { objectID: `product-${number++ % 1_000}`, name: 'lamp', visible: true };
    await send(running, name, appId, write, key, '/1/indexes/products/batch', { requests: [{ action: 'addObject', body }] });
  };

  if (running.traffic) await index();
  running.up();
  await atPace(running, sendEvery, index);
});
