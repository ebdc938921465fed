/**
 * Owns where one entry of a report ends and the next begins: JSON documents one after the other,
 * arrays of them, and lines of plain text, in whatever order they come.
 */
import { RekeyError } from '../../workflows/domain/errors.js';

export type Entry = { readonly json: unknown } | { readonly line: string };

/** No finding of any scanner is as long or as deep; what is would cost more memory than it may. */
const longestEntry = 8 * 1024 * 1024;
const deepest = 100;

/**
 * Arrays are looked through, so that a report is never parsed as a whole. Throws
 * KR_LEAKS_UNREADABLE with the place of what is broken, and never with its text.
 */
export function* entriesOf(text: string): Generator<Entry> {
  let arrays = 0;
  for (let at = next(text, 0, arrays); at < text.length; at = next(text, at, arrays)) {
    const first = text[at]!;
    if (first === '{' || (first === '"' && arrays > 0)) {
      const end = first === '{' ? endOfObject(text, at) : endOfString(text, at);
      yield { json: parsed(text, at, end) };
      at = end;
    } else if (first === '[' && (arrays > 0 || opensArray(text, at))) {
      arrays += 1;
      if (arrays > deepest) throw broken(text, at, 'is nested too deeply for a report');
      at += 1;
    } else if (arrays > 0) {
      const end = first === ']' ? at + 1 : endOfScalar(text, at);
      if (first === ']') arrays -= 1;
      else yield { json: null };
      at = end;
    } else if (first === '}' || first === ']') {
      // The end of something whose beginning, and whose values, are not there.
      throw broken(text, at, 'is broken');
    } else {
      const lineEnd = text.indexOf('\n', at);
      const end = lineEnd === -1 ? text.length : lineEnd;
      yield { line: text.slice(at, end).trim() };
      at = end;
    }
  }
  if (arrays > 0) throw broken(text, text.length, 'ends in the middle');
}

function next(text: string, from: number, arrays: number): number {
  let at = from;
  while (at < text.length && (isSpace(text, at) || (arrays > 0 && text[at] === ','))) at += 1;
  return at;
}

/** The byte order mark, too: reports are put together from several files. */
function isSpace(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code <= 32 || code === 0xfeff;
}

/** Lines of a log begin with a bracket, too, and a word in it. */
function opensArray(text: string, at: number): boolean {
  const inside = next(text, at + 1, 0);
  return ['{', '[', '"', ']'].includes(text[inside] ?? ']') || text.startsWith('null', inside);
}

function endOfObject(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') at = endOfString(text, at) - 1;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
    if (depth === 0) return at + 1;
    if (depth > deepest) throw broken(text, at, 'is nested too deeply for a report');
    if (at - from > longestEntry) throw broken(text, from, 'has an entry that is too long for a report');
  }
  throw broken(text, from, 'has an entry that does not end');
}

function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at += 1) {
    if (text[at] === '"') return at + 1;
    if (text[at] === '\\') at += 1;
  }
  throw broken(text, from, 'has a text that does not end');
}

function endOfScalar(text: string, at: number): number {
  const scalar = /(?:null|true|false|-?\d[\d.eE+-]{0,400})(?=[\s,\]])/y;
  scalar.lastIndex = at;
  if (!scalar.test(text)) throw broken(text, at, 'is broken');
  return scalar.lastIndex;
}

function parsed(text: string, from: number, end: number): unknown {
  try {
    return JSON.parse(text.slice(from, end));
  } catch {
    // The message of the parser quotes what it stumbled over.
    throw broken(text, from, 'has an entry that is broken');
  }
}

function broken(text: string, at: number, what: string): RekeyError {
  let line = 1;
  let lineStart = 0;
  for (let end = text.indexOf('\n'); end !== -1 && end < at; end = text.indexOf('\n', lineStart)) {
    line += 1;
    lineStart = end + 1;
  }
  return new RekeyError('KR_LEAKS_UNREADABLE', `the JSON of the report ${what}: line ${line}, column ${at - lineStart + 1}`);
}
