/**
 * Owns what is taken from a report of leaked values: hashes by which they are recognized, and
 * counts. The values themselves are forgotten as soon as they were hashed.
 */
import { Secret } from '../../activities/ports/secret.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { entriesOf } from './entries.js';
import { earlier } from './moment.js';
import { type Finding, findingOfLine, findingsIn } from './shapes.js';

/**
 * A value of a report is a secret, or the id of a key, or nothing of ours; it does not say which.
 * Both are looked up by a hash: an id is no secret, but the ledger can hash its ids as well, and so
 * there is no moment at which a value has to be kept.
 */
interface LeakedForm {
  readonly digest: string;
  readonly handle: string;
}

/** One value of the report, however often it stands there. */
export interface LeakedValue {
  /** Of a finding of several parts: each of them. */
  readonly forms: readonly LeakedForm[];
  /** The earliest moment that the report tells; null where it tells none. */
  readonly leakedAt: string | null;
}

type Incomparable = 'redacted' | 'empty' | 'tooLong' | 'noValue';

export interface LeakReport {
  readonly values: readonly LeakedValue[];
  /** Findings that have a value, repetitions counted. */
  readonly read: number;
  /** Findings that can be compared with nothing, and why. */
  readonly notComparable: Readonly<Record<Incomparable, number>>;
}

const mostBytes = 64 * 1024 * 1024;
/** Each costs some 350 bytes from then on, and a look-up. */
const mostValues = 1_000_000;
/** No key is as long. */
const longestValue = 4096;

/**
 * Recognizes the shape by itself. `most`: of different values. Throws KR_LEAKS_UNREADABLE, which
 * quotes nothing of the report.
 */
export async function readReport(source: AsyncIterable<Uint8Array>, most = mostValues): Promise<LeakReport> {
  const text = textOf(await readAll(source));
  const tally = new Tally(most);
  const withJson = holdsJson(text);
  for (const entry of entriesOf(text)) {
    if ('json' in entry) for (const finding of findingsIn(entry.json)) tally.add(finding);
    else if (!isTalk(entry.line, withJson)) tally.add(findingOfLine(entry.line));
  }
  return tally.report();
}

function holdsJson(text: string): boolean {
  for (const entry of entriesOf(text)) if ('json' in entry) return true;
  return false;
}

/** Between the findings of a scanner stands what it says of its work; no key has a space in it. */
const isTalk = (line: string, withJson: boolean): boolean => line === '' || line === 'null' || (withJson && /\s/.test(line));

class Tally {
  readonly #values = new Map<string, LeakedValue>();
  readonly #notComparable = { redacted: 0, empty: 0, tooLong: 0, noValue: 0 };
  #read = 0;
  #forms = 0;

  constructor(private readonly most: number) {}

  report(): LeakReport {
    return { values: [...this.#values.values()], read: this.#read, notComparable: this.#notComparable };
  }

  add({ forms, leakedAt }: Finding): void {
    const texts = [...new Set(forms.filter(isComparable).map((form) => form.trim()))];
    if (texts.length === 0) {
      this.#notComparable[objectionTo(forms[0]) ?? 'noValue'] += 1;
      return;
    }
    this.#read += 1;
    const secrets = texts.map((text) => new Secret(text));
    const digests = secrets.map(({ digest }) => digest);
    const key = digests.join();
    const known = this.#values.get(key);
    if (known) {
      this.#values.set(key, { ...known, leakedAt: earlier(known.leakedAt, leakedAt) });
      return;
    }
    this.#makeRoom(secrets.length);
    this.#values.set(key, { forms: secrets.map(({ handle }, index) => ({ digest: digests[index]!, handle })), leakedAt });
  }

  #makeRoom(forms: number): void {
    this.#forms += forms;
    if (this.#forms > this.most) throw unreadable(`the report holds more than ${this.most} different values`);
  }
}

const isComparable = (form: unknown): form is string => objectionTo(form) === null;

function objectionTo(form: unknown): Incomparable | null {
  if (typeof form !== 'string') return 'noValue';
  const text = form.trim();
  if (text === '') return 'empty';
  if (text.length > longestValue) return 'tooLong';
  return isRedacted(text) ? 'redacted' : null;
}

/** gitleaks writes REDACTED, or the beginning of the value and three dots; others write stars. */
const isRedacted = (text: string): boolean => /^\W{0,9}redacted\W{0,9}$/i.test(text) || /\*{3}|(?:\.{3}|…)$/.test(text);

async function readAll(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    length += chunk.length;
    if (length > mostBytes) throw unreadable(`the report is longer than ${mostBytes / 1024 / 1024} MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/**
 * What is not UTF-8 becomes a character that no key has. PowerShell writes UTF-16, with a mark
 * first.
 */
function textOf(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const encoding = first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
  return new TextDecoder(encoding).decode(bytes);
}

const unreadable = (detail: string): RekeyError => new RekeyError('KR_LEAKS_UNREADABLE', detail);
