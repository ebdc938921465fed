/** Owns one request for content, as the apps of a DNN customer make it. */
import { askPatiently, type Running } from '../../consumers/program.js';

/**
 * Where an app finds its content, how often it asks, and the item that a writing one keeps up to
 * date.
 */
export interface ContentSettings {
  readonly url: string;
  readonly askEvery: number;
  readonly item: { readonly id: string; readonly name: string; readonly contentTypeId: string };
}

export type Deed = 'read' | 'write';

/**
 * A 401 needs no answer here: the page stays empty, or the stock stays wrong, and the vendor has
 * counted it.
 */
export async function askContent(
  running: Running,
  settings: ContentSettings,
  app: string,
  key: string,
  deed: Deed,
): Promise<void> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'user-agent': `site-app/1.4.0 (${app})` };
  const { url, item } = settings;
  if (deed === 'read') {
    await askPatiently(running, `${url}/api/ContentItems?maxItems=5`, { headers });
    return;
  }
  const { id, name, contentTypeId } = item;
  const body = JSON.stringify({ name, contentTypeId, details: { stock: process.memoryUsage.rss() % 100 } });
  await askPatiently(running, `${url}/api/ContentItems/${id}`, { method: 'PUT', headers }, body);
}
