/**
 * Owns values in the configuration of Datadog's Agent 5: sections and `name: value`, read by
 * Python's ConfigParser.
 */
import { bytewise, NoPlace, onlyOne, type Place, splice } from './format.js';

/**
 * `at` is an option (`api_key`), or section and option (`Main.api_key`). Datadog asks for one space
 * after the colon and no quotes ("How do I reset my Datadog API keys?"), so that is what is
 * written, whatever stood there.
 */
export function findInDatadogConf(text: string, at: string): Place {
  const dot = at.lastIndexOf('.');
  const section = dot < 0 ? null : bytewise(at.slice(0, dot));
  const option = bytewise(at.slice(dot + 1)).toLowerCase();

  const found = options(text).filter((o) => o.name === option && (section === null || o.section === section));
  const { value, start, end, separator } = onlyOne(found, at);
  // Agent 5 can send to several accounts at once; which of the keys is ours cannot be told from
  // their order.
  if (value.includes(',')) throw new NoPlace(`${at} holds several keys`);
  return {
    value,
    replace: (next) => splice(text, start, end, separator === ':' ? `: ${next}` : `= ${next}`),
  };
}

interface Option {
  readonly section: string | null;
  readonly name: string;
  readonly value: string;
  readonly separator: string;
  /** From the separator to the end of the value. */
  readonly start: number;
  readonly end: number;
}

/**
 * A line that begins with white space continues the one before; `;` behind white space begins a
 * comment, `#` only at the start of a line.
 */
function options(text: string): Option[] {
  const found: Option[] = [];
  let section: string | null = null;
  for (const line of text.matchAll(/^[^\r\n]+/gm)) {
    const header = /^\[([^\]]+)\]/.exec(line[0]);
    if (header) section = header[1]!;
    const option = /^([^\s#;:=[][^:=]*?)\s*(([:=])\s*(.*?))(?:\s+;.*|\s*)$/.exec(line[0]);
    if (!option) continue;
    const start = line.index + line[0].indexOf(option[2]!, option[1]!.length);
    found.push({
      section,
      name: option[1]!.toLowerCase(),
      value: option[4]!,
      separator: option[3]!,
      start,
      end: start + option[2]!.length,
    });
  }
  return found;
}
