/**
 * Owns a shop's search front end: it searches with the key of its .env file, and takes a new one
 * without a restart.
 */
import { atPace, runProgram } from '../../consumers/program.js';
import { watchedKey } from './key-file.js';
import { type Addresses, send } from './request.js';

const [name, file] = process.argv.slice(2) as [string, string];

runProgram<Addresses>(async ({ appId, read, sendEvery }, running) => {
  const key = watchedKey(file, 'ALGOLIA_SEARCH_KEY', running);
  const search = async () => {
    const current = key();
    if (running.traffic)
      await send(running, name, appId, read, current, '/1/indexes/products/query', { query: 'lamp', hitsPerPage: 10 });
  };

  await search();
  running.up();
  await atPace(running, sendEvery, search);
});
