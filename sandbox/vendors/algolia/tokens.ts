/**
 * Owns a token service together with the browsers that it serves: it hands out secured keys, made
 * from the key of its .env file, and each browser searches with its own until shortly before it
 * ends. What was handed out cannot be called back: it dies with its parent.
 */
import { atPace, runProgram } from '../../consumers/program.js';
import { watchedKey } from './key-file.js';
import { type Addresses, send } from './request.js';
import { securedKey } from './secured-keys.js';

const [name, file] = process.argv.slice(2) as [string, string];

interface Browser {
  readonly user: string;
  key: string;
  validUntil: number;
}

/** Seconds before its end at which a browser asks for another key. */
const MARGIN = 1;

runProgram<Addresses>(async ({ appId, read, sendEvery, securedFor }, running) => {
  const parent = watchedKey(file, 'ALGOLIA_PARENT_KEY', running);
  const browsers: Browser[] = ['ada', 'grace', 'edsger'].map((user) => ({ user, key: '', validUntil: 0 }));
  const handOut = (browser: Browser): void => {
    browser.validUntil = Math.floor((Date.now() + securedFor) / 1000);
    browser.key = securedKey(parent(), {
      filters: `visible_by:${browser.user}`,
      restrictIndices: 'products',
      userToken: browser.user,
      validUntil: browser.validUntil,
    });
  };
  let turn = 0;
  const search = async () => {
    parent();
    const browser = browsers[turn++ % browsers.length]!;
    if (browser.validUntil - Date.now() / 1000 < MARGIN) handOut(browser);
    if (running.traffic) await send(running, name, appId, read, browser.key, '/1/indexes/products/query', { query: 'desk' });
  };

  await search();
  running.up();
  await atPace(running, sendEvery, search);
});
