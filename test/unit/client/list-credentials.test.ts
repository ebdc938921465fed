/** Which credentials are listed. */
import { expect, it } from 'vitest';
import type { Access } from '../../../client/operations/access.js';
import { listCredentials } from '../../../client/operations/list-credentials.js';
import { tester } from '../../support/who.js';

const all = [
  { name: 'orders/app', labels: ['payments', 'prod'] },
  { name: 'search/site', labels: [] },
];
const view = {
  credential: async () => all[0],
  credentials: async (name?: string) => all.filter((c) => name === undefined || c.name === name),
};
const access = { readLedger: (use: (it: typeof view) => unknown) => use(view) } as unknown as Access;
const listed = async (input: Parameters<typeof listCredentials>[2]) =>
  (await listCredentials(tester, access, input)).map(({ name }) => name);

it('are all of them, one by its name, or those with a label', async () => {
  expect(await listed({})).toEqual(['orders/app', 'search/site']);
  expect(await listed({ credential: 'search/site' })).toEqual(['search/site']);
  expect(await listed({ label: 'payments' })).toEqual(['orders/app']);
  expect(await listed({ label: 'none' })).toEqual([]);
});
