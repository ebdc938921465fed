/**
 * Owns what a run of cases says: one line that can be cited, and the rows of docs/failure-modes.md
 * that it has to show.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Result } from './trial.js';

const page = path.resolve(import.meta.dirname, '../../docs/failure-modes.md');

/** The crash points of a section of the page: what its tables name first, as code. */
export function rowsOf(...sections: readonly string[]): readonly string[] {
  const texts = readFileSync(page, 'utf8').split(/^## /m);
  return sections
    .flatMap((section) => texts.filter((text) => text.startsWith(`${section}\n`)))
    .flatMap((text) => [...text.matchAll(/^\| `([^`]+)`(, before|, after)?/gm)].map(([, name, when = '']) => `${name}${when}`))
    .sort();
}

/** Told as they come, since a run is long. */
export function tellBroken(results: readonly Result[]): void {
  for (const { name, outcome, violations } of results)
    if (violations.length > 0) console.log(`broken: ${name}: ${outcome}; ${violations.join('; ')}`);
}

/**
 * Polls come as they come; more than a few that never came would mean that the faults do not find
 * their places.
 */
export const mostMissed = (results: readonly Result[]): number => Math.ceil(casesOf(results) / 50);
export const missedOf = (results: readonly Result[]): readonly string[] => results.flatMap((r) => r.missed);
export const casesOf = (results: readonly Result[]): number => sum(results, (r) => r.cases);

export const brokenOf = (results: readonly Result[]): readonly (readonly string[])[] =>
  results.filter((r) => r.violations.length > 0).map((r) => [r.name, ...r.violations]);

const sum = (results: readonly Result[], of: (result: Result) => number): number =>
  results.reduce((total, result) => total + of(result), 0);

export function summary(what: string, results: readonly Result[], milliseconds: number): string {
  const [broken, missed] = [brokenOf(results).length, missedOf(results).length];
  const most = Math.max(0, ...results.map((r) => r.failedLogins));
  return (
    `${what}: ${casesOf(results)} cases, ${broken} broken${missed > 0 ? `, ${missed} not met` : ''}; ` +
    `${sum(results, (r) => r.sent)} requests of consumers, refused ${sum(results, (r) => r.refused)}, ` +
    `failed logins ${sum(results, (r) => r.failedLogins)} (at most ${most} in a rotation), ` +
    `work lost ${sum(results, (r) => r.lost)}, orphans ${sum(results, (r) => r.orphans)}; ` +
    `${results.length} rotations in ${(milliseconds / 60_000).toFixed(1)} minutes`
  );
}
