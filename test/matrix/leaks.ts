/**
 * Owns the search for planted secrets in all that rekey writes down or says: histories as they are
 * and decoded, tables, logs.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { dataConverter } from '../../client/codec.js';
import type { Credential } from './requests.js';
import type { Observed } from './world.js';

/** Every secret of the vendors, those to come included. */
export async function secretsOf(world: Observed, planted: readonly string[]): Promise<readonly string[]> {
  const keys = (await world.keys()).map((k) => k.value);
  const folder = path.join(world.sandbox, 'secrets');
  const management = readdirSync(folder)
    .filter((name) => !name.endsWith('-id'))
    .map((name) => readFileSync(path.join(folder, name), 'utf8').trim());
  return [...new Set([...planted, ...keys, ...management])];
}

/** Where one of the secrets was found, in whatever form. */
export async function leaksOf(
  world: Observed,
  credentials: readonly Credential[],
  secrets: readonly string[],
): Promise<readonly string[]> {
  const places: [string, string][] = [['logs', world.said()]];
  for (const credential of credentials)
    places.push([`history of ${credential}`, await legible(await world.history(credential), world.codec)]);
  const tables = await world.query<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
  );
  for (const { name } of tables) {
    const rows = await world.query<{ text: string }>(`select t::text as text from ${name} t`);
    places.push([`table ${name}`, rows.map((r) => r.text).join('\n')]);
  }
  return places.filter(([, text]) => holds(text, secrets)).map(([place]) => `a secret in ${place}`);
}

function holds(text: string, secrets: readonly string[]): boolean {
  return secrets.flatMap(forms).some((form) => text.includes(form));
}

/**
 * The secret itself, and the forms in which it could hide; base64 in each of the three ways in
 * which it can fall into a longer text.
 */
function forms(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  const base64 = [0, 1, 2].map((offset) =>
    Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .slice(4, -4),
  );
  return [secret, bytes.toString('hex'), ...base64];
}

/**
 * Every text of a history and, since a codec hides and does not remove, every payload of it as the
 * worker read it.
 */
async function legible(history: object, codecFolder: string): Promise<string> {
  const texts: string[] = [];
  const payloads: object[] = [];
  const collect = (value: unknown): void => {
    if (typeof value === 'string') texts.push(value);
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
    if ('metadata' in value && 'data' in value && value.data instanceof Uint8Array) payloads.push(value);
    for (const inner of Object.values(value)) collect(inner);
  };
  collect(history);
  const codec = dataConverter(codecFolder).payloadCodecs[0]!;
  const plain = await codec.decode(payloads as never);
  return [...texts, ...plain.map((p) => Buffer.from(p.data ?? []).toString())].join('\n');
}
