/**
 * Owns the shapes of reports: where gitleaks, trufflehog and GitHub put the values that they found,
 * and when those leaked.
 */
import { momentOf } from './moment.js';

/** One thing that was found. Nothing is known yet of what stands in it. */
export interface Finding {
  /** What may be the value: of several parts, each alone and both together. */
  readonly forms: readonly unknown[];
  readonly leakedAt: string | null;
}

type Fields = Readonly<Record<string, unknown>>;

interface Shape {
  /** Any of these tells that it is one. */
  readonly marks: readonly string[];
  readonly read: (fields: Fields) => readonly Finding[];
}

const shapes: readonly Shape[] = [
  { marks: ['SourceMetadata', 'Raw', 'RawV2'], read: (found) => [{ forms: partsOf(found), leakedAt: timestampOf(found) }] },
  // trufflehog before version 3, and its --json-legacy; its times do not say in which zone.
  {
    marks: ['stringsFound'],
    read: ({ stringsFound }) => listOf(stringsFound).map((value) => ({ forms: [value], leakedAt: null })),
  },
  { marks: ['Secret'], read: ({ Secret: value, Date: date }) => [{ forms: [value], leakedAt: momentOf(date) }] },
  // GitHub: an alert of one's own organisation, and a partner's.
  {
    marks: ['secret', 'secret_type'],
    read: (alert) => [{ forms: [alert.secret], leakedAt: momentOf(alert.created_at) }],
  },
  { marks: ['token'], read: ({ token }) => [{ forms: [token], leakedAt: null }] },
];

/** One finding without a form stands for an entry in which there is no value. */
export function findingsIn(entry: unknown): readonly Finding[] {
  if (typeof entry === 'string') return [{ forms: [entry], leakedAt: null }];
  if (!isFields(entry)) return [nothing];
  const found = findingsBelow(entry);
  return found.length > 0 || isLogLine(entry) ? found : [nothing];
}

/** A line is a value, or has it in quotes, in a cell of a table, or behind a name. */
export function findingOfLine(line: string): Finding {
  const parts = line.split(/[\s,;"']+/).flatMap((part) => [part, part.slice(part.indexOf('=') + 1)]);
  return { forms: [line, ...parts.filter(({ length }) => length >= shortestSecret)], leakedAt: null };
}

/** Of 128 bits, in characters that can be typed. */
const shortestSecret = 20;

const nothing: Finding = { forms: [], leakedAt: null };

/** Webhooks and other envelopes are looked through. */
function findingsBelow(fields: Fields): readonly Finding[] {
  const shape = shapes.find(({ marks }) => marks.some((mark) => Object.hasOwn(fields, mark)));
  return shape ? shape.read(fields) : Object.values(fields).filter(isFields).flatMap(findingsBelow);
}

/** What scanners tell about themselves while they scan. */
const isLogLine = (fields: Fields): boolean => Object.hasOwn(fields, 'level') && Object.hasOwn(fields, 'msg');

/**
 * Detectors of several parts have one of them in Raw and all of them in RawV2, joined with or
 * without a colon: what is left there is the other part. Newer releases name the parts as well.
 */
function partsOf({ Raw: raw, RawV2: joined, SecretParts: parts }: Fields): readonly unknown[] {
  return [raw, joined, restOf(joined, raw), ...Object.values(isFields(parts) ? parts : {})].filter(
    (form, index) => index === 0 || (typeof form === 'string' && form !== ''),
  );
}

function restOf(joined: unknown, raw: unknown): string | null {
  if (typeof joined !== 'string' || typeof raw !== 'string' || raw === '') return null;
  if (joined.startsWith(raw)) return joined.slice(raw.length).replace(/^:/, '');
  return joined.endsWith(raw) ? joined.slice(0, -raw.length).replace(/:$/, '') : null;
}

/** `Data` has one member, named after the kind of source. */
function timestampOf({ SourceMetadata: metadata }: Fields): string | null {
  const data = isFields(metadata) ? metadata.Data : null;
  const [source] = Object.values(isFields(data) ? data : {});
  return isFields(source) ? momentOf(source.timestamp) : null;
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
