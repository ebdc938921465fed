/** Owns which times of a report are believed to be one, and how they are written from then on. */

/** RFC 3339, and what Go prints: `2022-06-16 10:17:40 -0700 PDT`. */
const written = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))? ?(?:(Z)|([+-]\d\d):?(\d\d))(?: \S{1,9})?$/;

/** ISO 8601 in UTC; null where it is no moment: nothing, words, a time without a zone, a zero. */
export function momentOf(value: unknown): string | null {
  if (typeof value !== 'string' || value.length > 100) return null;
  const [, day, time, fraction = '', utc, hours, minutes] = written.exec(value.trim()) ?? [];
  if (day === undefined) return null;
  const at = Date.parse(`${day}T${time}.${fraction.padEnd(3, '0').slice(0, 3)}${utc ?? `${hours}:${minutes}`}`);
  return at > 0 ? new Date(at).toISOString() : null;
}

/** The first of two, of which either may be unknown. */
export const earlier = (one: string | null, other: string | null): string | null =>
  one === null || (other !== null && other < one) ? other : one;
