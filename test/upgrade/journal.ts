/**
 * Owns the shape of the journal: the names of steps and of what their outcomes hold, which a
 * rotation that an older release began is carried on by.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Lane } from '../support/lane.js';

export const journalFile = path.join(import.meta.dirname, 'journal.json');
export const recordedJournal = (): object => JSON.parse(readFileSync(journalFile, 'utf8')) as object;

interface Step {
  readonly key: string;
  readonly subject: string | null;
  readonly outcome: object | null;
}

/**
 * One rotation of each way forward, and what they wrote: by step, in neutral words, the types of
 * its outcome's fields.
 */
export async function journalOf(lane: Lane): Promise<Readonly<Record<string, object>>> {
  for (const credential of ['datadog/agents', 'soar/enrichment', 'docspace/exports']) {
    await lane.rotate(credential);
    const { outcome } = await lane.settled(credential);
    if (outcome !== 'completed') throw new Error(`${credential} is ${outcome}`);
  }
  const { rows } = await lane.database.query<Step>('select key, subject, outcome from steps where outcome is not null');
  const shapes = rows.map(({ key, subject, outcome }) => {
    const name = key.replace(subject ?? /$^/, 'NAME').replaceAll(/\d+/g, 'N');
    return [name, shapeOf(outcome)] as const;
  });
  return Object.fromEntries(shapes.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function shapeOf(outcome: object | null): object {
  const fields = Object.entries(outcome ?? {}).map(
    ([name, value]) => [name, Array.isArray(value) ? 'list' : typeof value] as const,
  );
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
}
