/**
 * Owns the lists of the content service: their parameters, and `{documents, totalResultCount}`
 * (DNNDocs, api-results-pagination).
 */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { check } from './refused.js';
import type { Content } from './state.js';

/**
 * That more than 100 at once, or an unknown order, are refused and not cut or ignored, is assumed.
 */
const Query = z.object({
  searchText: z.string().optional(),
  startIndex: z.coerce.number().int().min(0).default(0),
  maxItems: z.coerce.number().int().min(1).max(100).default(10),
  fieldOrder: z.enum(['name', 'createdAt', 'updatedAt']).default('createdAt'),
  orderAsc: z.enum(['true', 'false']).default('true'),
  createdFrom: z.coerce.date().optional(),
  createdTo: z.coerce.date().optional(),
});

export function listed<Row extends Content>(request: FastifyRequest, rows: readonly Row[], show: (row: Row) => object): object {
  const query = check(Query, request.query);
  const found = rows
    .filter(({ name, createdAt }) => {
      const wanted = query.searchText === undefined || name.toLowerCase().includes(query.searchText.toLowerCase());
      const [from, to] = [query.createdFrom?.getTime() ?? 0, query.createdTo?.getTime() ?? Number.MAX_SAFE_INTEGER];
      return wanted && createdAt >= from && createdAt <= to;
    })
    .sort(by(query.fieldOrder, query.orderAsc === 'true'));
  const page = found.slice(query.startIndex, query.startIndex + query.maxItems);
  return { documents: page.map(show), totalResultCount: found.length };
}

function by(field: 'name' | 'createdAt' | 'updatedAt', ascending: boolean): (a: Content, b: Content) => number {
  return (a, b) => (a[field] < b[field] ? -1 : a[field] > b[field] ? 1 : 0) * (ascending ? 1 : -1);
}
