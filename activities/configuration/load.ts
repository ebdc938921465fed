/**
 * Owns reading rekey.yaml from the disk: never more of it than a configuration may have, and only
 * as UTF-8.
 */
import { createReadStream } from 'node:fs';
import path from 'node:path';
import type { Problem } from './check.js';
import { largestFile } from './document.js';
import { loadModules } from './modules.js';
import { type Parsed, parseConfiguration } from './parse.js';
import type { ConnectorConfigs } from './schema.js';

export async function loadConfiguration(file: string, connectors: ConnectorConfigs): Promise<Parsed> {
  const refuse = (message: string, expected: string, place: Partial<Problem> = {}): Parsed => {
    return { ok: false, problems: [{ file, line: 1, column: 1, path: '', message, expected, ...place }] };
  };
  const chunks: Buffer[] = [];
  try {
    // One byte more than is allowed tells that there is too much, of files without an end, too.
    for await (const chunk of createReadStream(file, { end: largestFile })) chunks.push(chunk as Buffer);
  } catch (error) {
    return refuse(`the file cannot be read (${codeOf(error)})`, 'a file that this user may read');
  }
  const bytes = Buffer.concat(chunks);
  if (bytes.length > largestFile) return refuse('the file is too large', `at most ${largestFile / 1024} KiB`);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return parseConfiguration(text, file, connectors, await loadModules(text, path.dirname(path.resolve(file))));
  } catch (error) {
    if (codeOf(error) !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw error;
    const before = bytes.toString('utf8').split('\uFFFD', 1)[0]!.split('\n');
    return refuse('the file is not UTF-8 here', 'text in UTF-8', { line: before.length, column: before.at(-1)!.length + 1 });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
