/**
 * Owns values in files of environment variables: `NAME=value`, with or without `export` and quotes,
 * which are kept.
 */
import { bytewise, NoPlace, onlyOne, type Place, splice } from './format.js';

/** `at` is the name of the variable. */
export function findInDotenv(text: string, at: string): Place {
  const { raw, start } = onlyOne(
    assignments(text).filter((a) => a.name === bytewise(at)),
    at,
  );
  const quote = raw.startsWith("'") ? "'" : raw.startsWith('"') ? '"' : '';
  const value = decode(raw, quote);
  if (quote !== "'" && /^\$(\w+|\{\w+\})$/.test(value))
    throw new NoPlace(`${at} refers to another variable; the key must be handed out there`);
  return { value, replace: (next) => splice(text, start, start + raw.length, encode(next, quote, at)) };
}

interface Assignment {
  readonly name: string;
  readonly raw: string;
  readonly start: number;
}

/**
 * Read from the top, since a quoted value may span lines, one of which may look like an assignment.
 */
function assignments(text: string): Assignment[] {
  const found: Assignment[] = [];
  const assignment =
    /[ \t]*(?:export[ \t]+)?([^\s=#]+)[ \t]*=[ \t]*('[^']*'|"(?:\\[\s\S]|[^"\\])*"|(?!['"`])[^\r\n]*?)[ \t]*(?:[ \t]#[^\r\n]*)?(?=\r|\n|$)/y;
  const line = /[^\n]*(?:\n|$)/y;
  for (let at = 0; at < text.length; ) {
    assignment.lastIndex = at;
    const match = assignment.exec(text);
    if (match) {
      const start = match.index + match[0].indexOf('=') + 1;
      found.push({ name: match[1]!, raw: match[2]!, start: start + text.slice(start).search(/[^ \t]|$/) });
      at = assignment.lastIndex;
    }
    line.lastIndex = at;
    line.exec(text);
    at = line.lastIndex;
  }
  return found;
}

function decode(raw: string, quote: string): string {
  if (quote === '') return raw;
  const inner = raw.slice(1, -1);
  return quote === '"' ? inner.replace(/\\([\s\S])/g, '$1') : inner;
}

/** Readers of such files differ on escapes, so nothing is written that would need one. */
function encode(value: string, quote: string, at: string): string {
  const safe = quote === "'" ? !value.includes("'") : quote === '"' ? !/["\\$`]/.test(value) : /^[\w.:/@%+=,-]+$/.test(value);
  if (!safe) throw new NoPlace(`the new value of ${at} has characters that its quoting cannot hold; put it into single quotes`);
  return `${quote}${value}${quote}`;
}
