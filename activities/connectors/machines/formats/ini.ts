/**
 * Owns values in INI files: sections and `name = value`, as Python, PHP, systemd, Git and AWS read
 * them; refused where those readers differ.
 */
import { bytewise, NoPlace, onlyOne, type Place, splice } from './format.js';

/**
 * `at` is an option (`api_key`), or section and option (`client.api_key`); a section may hold dots
 * itself.
 */
export function findInIni(text: string, at: string): Place {
  const dot = at.lastIndexOf('.');
  const section = dot < 0 ? null : bytewise(at.slice(0, dot));
  const option = bytewise(at.slice(dot + 1)).toLowerCase();

  const found = options(text).filter((o) => o.name === option && (section === null || o.section === section));
  const { raw, start, continued } = onlyOne(found, at);
  if (continued) throw new NoPlace(`${at} goes on in the next line`);
  const quote = /^(["']).*\1$/.exec(raw)?.[1] ?? '';
  // Some readers take what follows for a comment, others for part of the value.
  if (quote === '' && /(^|\s)[;#]|["'\\]/.test(raw)) throw new NoPlace(`${at} has a comment or quotes in its value`);
  const value = quote === '' ? raw : raw.slice(1, -1);
  if (quote !== '' && (value.includes(quote) || value.includes('\\'))) throw new NoPlace(`${at} has quotes in its value`);
  if (/^[$%][({]/.test(value)) throw new NoPlace(`${at} refers to another value; the key must be handed out there`);
  return { value, replace: (next) => splice(text, start, start + raw.length, encode(next, quote, at)) };
}

interface Option {
  readonly section: string | null;
  /**
   * Lower case: two that differ by it only are one to some readers, and so are told apart by none
   * here.
   */
  readonly name: string;
  readonly raw: string;
  readonly start: number;
  continued: boolean;
}

/**
 * A line that stands further in than the option above it continues that one's value (configparser);
 * both `=` and `:` separate.
 */
function options(text: string): Option[] {
  const found: Option[] = [];
  let section: string | null = null;
  let above: { option: Option; indent: number } | null = null;
  for (const line of text.matchAll(/^(?:\u00ef\u00bb\u00bf)?([ \t]*)([^\r\n]*)$/gm)) {
    const [whole, space = '', rest = ''] = line;
    if (rest === '' || /^[;#]/.test(rest)) continue;
    if (above && space.length > above.indent) {
      above.option.continued = true;
      continue;
    }
    const header = /^\[([^\]]+)\]/.exec(rest);
    if (header) {
      section = header[1]!;
      above = null;
      continue;
    }
    const parts = /^([^=:]*?[^=:\s])[ \t]*[=:][ \t]*(.*?)[ \t]*$/.exec(rest);
    if (!parts) continue;
    const [, name = '', raw = ''] = parts;
    const start = line.index + whole.length - rest.length + parts[0].trimEnd().length - raw.length;
    const option = {
      section,
      name: name.toLowerCase(),
      raw,
      start: raw === '' ? line.index + whole.length : start,
      continued: false,
    };
    found.push(option);
    above = { option, indent: space.length };
  }
  return found;
}

/**
 * Readers differ on escapes, interpolation and comments, so nothing is written that would need
 * care.
 */
function encode(value: string, quote: string, at: string): string {
  const safe = quote === '' ? /^[\w.:/@+=,-]+$/.test(value) : /^[^"'\\$%`]+$/.test(value);
  if (!safe) throw new NoPlace(`the new value of ${at} has characters that readers of INI files take for something else`);
  return `${quote}${value}${quote}`;
}
