/**
 * Owns values in JSON files: read strictly, found by their place in the text, so that order, spaces
 * and other numbers' digits stay.
 */
import { bytewise, NoPlace, onlyOne, type Place, splice } from './format.js';

const byteOrderMark = '\u00ef\u00bb\u00bf';

/**
 * `at` names nested keys with dots, and elements of lists by their number from 0:
 * `datadog.api_key`, `keys.0`.
 */
export function findInJson(text: string, at: string): Place {
  const skipped = text.startsWith(byteOrderMark) ? byteOrderMark.length : 0;
  try {
    JSON.parse(text.slice(skipped));
  } catch {
    // The parser's message quotes the text, in which the key stands.
    throw new NoPlace('it is not valid JSON');
  }
  const path = JSON.stringify(bytewise(at).split('.'));
  const { raw, start } = onlyOne(
    values(text, skipped).filter((value) => JSON.stringify(value.path) === path),
    at,
  );
  if (!raw.startsWith('"') && raw !== 'null') throw new NoPlace(`${at} is not a text`);
  return {
    value: raw === 'null' ? '' : (JSON.parse(raw) as string),
    replace: (next) => splice(text, start, start + raw.length, JSON.stringify(next)),
  };
}

interface Value {
  readonly path: readonly string[];
  /** As it stands in the text; of an object or a list only the bracket. */
  readonly raw: string;
  readonly start: number;
}

/**
 * Every value of a text that is known to be valid; a key that stands twice gives its value twice.
 */
function values(text: string, from: number): Value[] {
  const found: Value[] = [];
  /**
   * The containers around the place: in an object the key that was read last, in a list the number
   * of the element.
   */
  const around: { key: string | number }[] = [];
  let key: string | null = null;
  const token = /"(?:\\.|[^"\\])*"|[{}[\],:]|[^\s{}[\],:"]+/g;
  token.lastIndex = from;
  for (const match of text.matchAll(token)) {
    const [raw] = match;
    const inside = around.at(-1);
    if (raw === ',') {
      if (inside && typeof inside.key === 'number') inside.key++;
      key = null;
    } else if (raw === '}' || raw === ']') around.pop();
    else if (raw === ':') key = inside!.key as string;
    else if (inside && typeof inside.key === 'string' && key === null) inside.key = JSON.parse(raw) as string;
    else {
      found.push({ path: around.map((container) => String(container.key)), raw, start: match.index });
      if (raw === '{' || raw === '[') {
        around.push({ key: raw === '{' ? '' : 0 });
        key = null;
      }
    }
  }
  return found;
}
