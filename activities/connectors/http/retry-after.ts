/** Owns how a server's wish to be left alone for a while is read. */

const longest = 24 * 3_600_000;

export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * Milliseconds to wait, from the first of the headers that says so in seconds or as a date;
 * undefined where none does. A date is compared with the server's own `Date`, since two houses'
 * clocks differ. A day is the most that is believed.
 */
export function retryAfter(headers: Headers, names: readonly string[]): number | undefined {
  for (const name of names) {
    const text = single(headers[name])?.trim();
    if (text === undefined) continue;
    const wait = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now(headers);
    if (Number.isFinite(wait)) return Math.min(Math.max(Math.ceil(wait), 0), longest);
  }
  return undefined;
}

export function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

function now(headers: Headers): number {
  const theirs = Date.parse(single(headers.date) ?? '');
  return Number.isNaN(theirs) ? Date.now() : theirs;
}
