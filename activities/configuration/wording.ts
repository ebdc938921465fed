/**
 * Owns our words for what a schema finds wrong. They name keys and kinds, never values: any value
 * may be a secret that stands in the wrong place.
 */
import { z } from 'zod';
import type { Finding, Path } from './document.js';
import { choice, nearest } from './nearest.js';

/** The message of an issue whose schema brought no words of its own. */
const unworded = 'unworded';

/** Checks a value; each finding's path begins at the value. */
export function findingsOf<Output>(schema: z.ZodType<Output>, value: unknown): { value: Output } | { findings: Finding[] } {
  const checked = schema.safeParse(value, { error: () => unworded });
  if (checked.success) return { value: checked.data };
  return { findings: checked.error.issues.flatMap((issue) => inWords(issue, issue.path, value, schema)) };
}

export function unknownKey(path: Path, key: string, known: readonly string[]): Finding {
  // A forgotten space, as in {apiKey:VALUE}, makes a secret part of a key: only what is surely a
  // name is repeated.
  const isName = /^[A-Za-z][A-Za-z_-]{0,23}$/.test(key) || nearest(key, known) !== undefined;
  const message = isName ? `unknown key "${key}"` : 'unknown key';
  return { path: [...path, key], part: 'key', message, expected: known.length > 0 ? choice(key, known) : null };
}

function inWords(issue: z.core.$ZodIssue, path: Path, whole: unknown, schema: z.ZodType): Finding[] {
  const given = at(whole, path);
  const finding = (message: string, expected: string | null): Finding[] => [{ path, part: 'value', message, expected }];

  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key, keysAt(schema, path)));
  if (issue.message !== unworded) {
    // A schema that brings its own words says what is wrong, or what is expected, or both: "is not
    // …; expected …".
    const [, wrong, right] = /^(?:(.*?)(?:; |$))??(?:expected (.*))?$/s.exec(issue.message) ?? [];
    if (given === undefined) return finding('is missing', right ?? null);
    return finding(wrong ?? (typeof given === 'string' ? 'is not right' : kindGiven(given)), right ?? null);
  }
  if (given === undefined) return finding('is missing', kindExpected(issue));
  switch (issue.code) {
    case 'invalid_type':
      return finding(
        kindGiven(given),
        issue.expected === 'string' && typeof given !== 'object' ? 'text, in quotes' : kindExpected(issue),
      );
    case 'invalid_value':
      return finding(
        issue.values.some((value) => typeof value === typeof given) ? 'is not known' : kindGiven(given),
        valuesOf(issue, given),
      );
    case 'too_small':
      return finding(given === '' ? 'is empty' : 'is too small', `at least ${issue.minimum} ${unitOf(issue.origin)}`.trim());
    case 'too_big':
      return finding('is too large', `at most ${issue.maximum} ${unitOf(issue.origin)}`.trim());
    case 'invalid_format':
      return finding(
        'is not in the right form',
        issue.format === 'regex' ? `text in the form ${issue.pattern}` : `a valid ${issue.format}`,
      );
    case 'invalid_union': {
      const meant = likeliest(issue.errors);
      const within = (issues: readonly z.core.$ZodIssue[]) =>
        issues.flatMap((inner) => inWords(inner, [...path, ...inner.path], whole, schema));
      if (meant) return within(meant);
      const forms = new Set(within(issue.errors.flat()).map(({ expected }) => expected));
      return finding(kindGiven(given), [...forms].join(', or '));
    }
    case 'invalid_key':
      return [{ path, part: 'key', message: 'the key is not in the right form', expected: null }];
    default:
      return finding('is not right', null);
  }
}

/**
 * The form that the writer most likely meant: of those that the value begins to fit, the one with
 * the least wrong.
 */
function likeliest(forms: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] | undefined {
  const begins = (issues: readonly z.core.$ZodIssue[]) =>
    issues.every(({ code, path }) => path.length > 0 || code === 'unrecognized_keys');
  return forms.filter(begins).sort((a, b) => a.length - b.length)[0];
}

/** The keys that a schema knows at a path; none where it takes any. */
function keysAt(schema: z.ZodType, path: Path): readonly string[] {
  type Node = z.core.JSONSchema.BaseSchema;
  const isNode = (node: unknown): node is Node => typeof node === 'object' && node !== null;
  const forms = (node: Node): Node[] => [node, ...[...(node.anyOf ?? []), ...(node.allOf ?? [])].filter(isNode).flatMap(forms)];
  let here = forms(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
  for (const step of path) {
    const below = here.map((node) =>
      typeof step === 'number' ? node.items : (node.properties?.[String(step)] ?? node.additionalProperties),
    );
    here = below.filter(isNode).flatMap(forms);
  }
  return [...new Set(here.flatMap((node) => Object.keys(node.properties ?? {})))];
}

function at(whole: unknown, path: Path): unknown {
  return path.reduce<unknown>((here, step) => (here as Record<PropertyKey, unknown> | null | undefined)?.[step], whole);
}

export function kindGiven(value: unknown): string {
  if (value === null) return 'is empty';
  if (Array.isArray(value)) return 'is a list';
  return (
    { string: 'is text', number: 'is a number', boolean: 'is true or false', object: 'is a mapping' }[typeof value as string] ??
    'is not right'
  );
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping of keys to values',
  record: 'a mapping of keys to values',
  array: 'a list',
};

function kindExpected(issue: z.core.$ZodIssue): string | null {
  if (issue.code === 'invalid_type') return kinds[issue.expected] ?? issue.expected;
  return issue.code === 'invalid_value' ? valuesOf(issue, undefined) : null;
}

function valuesOf(issue: z.core.$ZodIssueInvalidValue, given: unknown): string {
  const names = issue.values.filter((value) => typeof value === 'string');
  return names.length > 0 ? choice(typeof given === 'string' ? given : undefined, names) : issue.values.map(String).join(' or ');
}

function unitOf(origin: string): string {
  return { string: 'characters', array: 'entries' }[origin] ?? '';
}
