/**
 * Owns the collecting of problems: every place is looked at, so that all of them are told at once,
 * each with line, column and what would be right.
 */
import type { z } from 'zod';
import type { Finding, Part, Path, SourceDocument } from './document.js';
import { findingsOf, kindGiven, unknownKey } from './wording.js';

export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Such as `credentials.datadog/agents.consumers[0].file`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** What would be right; absent where the message says so itself. */
  readonly expected?: string;
}

/** One line, as compilers write it, so that editors and terminals lead to the place. */
export function formatProblem({ file, line, column, path, message, expected }: Problem): string {
  return `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}${expected === undefined ? '' : `; expected ${expected}`}`;
}

/** After so many, the rest is most likely a consequence. */
const most = 100;

export class Check {
  readonly #found = new Map<string, Problem>();

  constructor(
    private readonly document: SourceDocument,
    private readonly file: string,
  ) {
    for (const fault of document.faults) {
      const { offset, path, message } = fault;
      this.#keep(path.length > 0 ? JSON.stringify(path) : `${offset} ${message}`, fault, document.placeAt(offset));
    }
  }

  get problems(): readonly Problem[] {
    const sorted = [...this.#found.values()].sort((a, b) => a.line - b.line || a.column - b.column);
    if (sorted.length <= most) return sorted;
    const { file, line, column } = sorted[most]!;
    const message = `there are ${sorted.length - most} more problems from here on`;
    return [...sorted.slice(0, most), { file, line, column, path: '', message }];
  }

  /** The first problem of a place is nearest to its cause: later ones are not told. */
  report(path: Path, message: string, expected: string | null, part: Part = 'value'): void {
    this.#keep(JSON.stringify(path), { path, part, message, expected }, this.document.placeOf(path, part));
  }

  /**
   * The value as the schema leaves it; undefined where it does not pass, and then it is reported.
   */
  parse<Output>(schema: z.ZodType<Output>, value: unknown, path: Path): Output | undefined {
    const checked = findingsOf(schema, value);
    if ('value' in checked) return checked.value;
    for (const finding of checked.findings) this.#tell(path, finding);
    return undefined;
  }

  mapping(value: unknown, path: Path): Readonly<Record<string, unknown>> | undefined {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    this.report(path, value === undefined ? 'is missing' : kindGiven(value), 'a mapping of keys to values');
    return undefined;
  }

  /**
   * Each entry by itself, so that one wrong entry does not hide the others; what is absent or wrong
   * is absent from the result.
   */
  fields<Fields extends Record<string, z.ZodType>>(value: unknown, path: Path, fields: Fields): Checked<Fields> {
    const mapping = this.mapping(value, path);
    if (!mapping) return {};
    const known = Object.keys(fields);
    for (const key of Object.keys(mapping)) if (!Object.hasOwn(fields, key)) this.#tell(path, unknownKey([], key, known));
    const entries = Object.entries(fields).map(
      ([key, schema]) => [key, this.parse(schema, mapping[key], [...path, key])] as const,
    );
    return Object.fromEntries(entries.filter(([, checked]) => checked !== undefined)) as Checked<Fields>;
  }

  /**
   * The entries of a mapping whose keys are names that the writer chose; a section in which
   * everything is commented out has none.
   */
  named(value: unknown, path: Path, name: z.ZodType<string>): [name: string, entry: unknown][] {
    if (value === undefined || value === null) return [];
    return Object.entries(this.mapping(value, path) ?? {}).filter(([key]) => {
      const checked = findingsOf(name, key);
      if ('value' in checked) return true;
      this.report([...path, key], 'the name is not in the right form', checked.findings[0]?.expected ?? null, 'key');
      return false;
    });
  }

  #tell(above: Path, { path, message, expected, part }: Finding): void {
    this.report([...above, ...path], message, expected, part);
  }

  #keep(key: string, { path, part, message, expected }: Finding, place: { line: number; column: number }): void {
    if (this.#found.has(key)) return;
    const problem = { file: this.file, ...place, path: shownPath(path, part), message };
    this.#found.set(key, expected === null ? problem : { ...problem, expected });
  }
}

export type Checked<Fields extends Record<string, z.ZodType>> = { readonly [Key in keyof Fields]?: z.output<Fields[Key]> };

/**
 * Keys that are wrong, or no names, are not shown: a forgotten space can make a secret part of a
 * key.
 */
function shownPath(path: Path, part: Part): string {
  return path.slice(0, part === 'key' ? -1 : undefined).reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    const shown = /^[\w./-]{1,64}$/.test(String(step)) ? String(step) : '…';
    return text === '' ? shown : `${text}.${shown}`;
  }, '');
}
