/**
 * Owns reading YAML as plain data: what is too much for a configuration, what aliases stand for,
 * and the place of every key and value.
 */
import {
  Composer,
  type CST,
  type Document,
  type ErrorCode,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  Parser,
  type YAMLMap,
} from 'yaml';

export type Path = readonly PropertyKey[];

/** Whether a key is wrong, or what stands behind it. */
export type Part = 'key' | 'value';

/**
 * Something that is wrong. Neither text ever repeats a value of the document, since any of them may
 * be a secret.
 */
export interface Finding {
  /** Empty for the text as a whole. */
  readonly path: Path;
  readonly part: Part;
  readonly message: string;
  /** What would be right; null where the message says so itself. */
  readonly expected: string | null;
}

export interface Fault extends Finding {
  readonly offset: number;
}

const limits = { bytes: 1024 * 1024, depth: 32, copies: 10_000 };

/** One byte more than is read shows that a file is too large. */
export const largestFile = limits.bytes;

interface Place {
  readonly key: number;
  readonly value: number;
}

/**
 * A text that was read: its plain value, and what is wrong with it as YAML. The value is null where
 * the text could not be read at all.
 */
export class SourceDocument {
  readonly value: unknown = null;
  readonly faults: Fault[] = [];
  /** Offsets at which lines begin. The parser's own count loses lines behind some errors. */
  readonly #lines: readonly number[];
  readonly #places = new WeakMap<object, Map<PropertyKey, Place>>();
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<Node>();
  #copies = 0;

  constructor(text: string) {
    this.#lines = [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
    if (Buffer.byteLength(text) > limits.bytes) {
      this.#fault(0, [], 'the file is too large', `at most ${limits.bytes / 1024} KiB`);
      return;
    }
    const tokens = [...new Parser().parse(text)];
    // The composer works by recursion, and a nesting that is deep enough takes the process down
    // with it.
    if (isDeeper(tokens, limits.depth)) {
      this.#fault(0, [], 'the file is nested too deeply', `at most ${limits.depth} levels`);
      return;
    }
    // Its own search for duplicate keys compares each with each, so keys are compared in #map; its
    // messages quote the text, so ours are shown.
    const options = { schema: 'core', merge: false, stringKeys: true, uniqueKeys: false, prettyErrors: false } as const;
    const [document, second] = [...new Composer(options).compose(tokens, true, text.length)] as Document[];
    for (const { code, pos } of [...document!.errors, ...document!.warnings]) this.#fault(pos[0], [], ...wordingOf(code));
    if (document!.directives?.yaml.explicit && document!.directives.yaml.version !== '1.2') {
      this.#fault(0, [], 'the file asks for an old version of YAML', 'YAML 1.2, and no %YAML line');
    }
    if (second) this.#fault(second.range?.[0] ?? 0, [], 'the file holds more than one document', 'one, without further "---"');
    if (this.faults.length === 0) this.value = this.#plain(document!.contents, [], 0);
  }

  /**
   * Line and column of a key or a value; where a path leads to nothing, those of the last part that
   * is there.
   */
  placeOf(path: Path, part: Part): { line: number; column: number } {
    let here: unknown = this.value;
    let place: Place = { key: 0, value: 0 };
    let isWhole = true;
    for (const step of path) {
      const next = typeof here === 'object' && here !== null ? this.#places.get(here)?.get(step) : undefined;
      isWhole = next !== undefined;
      if (!next) break;
      place = next;
      here = (here as Record<PropertyKey, unknown>)[step];
    }
    return this.placeAt(place[isWhole ? part : 'key']);
  }

  placeAt(offset: number): { line: number; column: number } {
    let [line, crossing] = [0, this.#lines.length];
    while (crossing - line > 1) {
      const middle = (line + crossing) >> 1;
      if (this.#lines[middle]! <= offset) line = middle;
      else crossing = middle;
    }
    return { line: line + 1, column: offset - this.#lines[line]! + 1 };
  }

  #plain(node: Node | null, path: Path, copiedFrom: number): unknown {
    if (node === null) return null;
    if (copiedFrom > 0 && ++this.#copies > limits.copies) {
      if (this.#copies === limits.copies + 1)
        this.#fault(copiedFrom, path, 'aliases stand for too much', 'the values themselves');
      return null;
    }
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      const offset = node.range?.[0] ?? 0;
      if (target && !this.#open.has(target)) return this.#plain(target, path, offset);
      this.#fault(
        offset,
        path,
        target ? 'the alias stands inside of what it stands for' : 'the alias stands for nothing',
        'the value itself',
      );
      return null;
    }
    if (node.anchor) this.#anchors.set(node.anchor, node);
    if (isScalar(node)) return this.#scalar(node.value, node.range?.[0] ?? 0, path);

    this.#open.add(node);
    const value = isMap(node)
      ? this.#map(node, path, copiedFrom)
      : isSeq(node)
        ? this.#list(node.items as Node[], path, copiedFrom)
        : null;
    this.#open.delete(node);
    return value;
  }

  #scalar(value: unknown, offset: number, path: Path): unknown {
    // PostgreSQL keeps neither of them in JSON.
    if (typeof value === 'string' && /[\0\p{Surrogate}]/u.test(value)) {
      this.#fault(
        offset,
        path,
        'the text holds a character that cannot be kept',
        'text without NUL and without halves of characters',
      );
      return null;
    }
    if (typeof value !== 'number' || Number.isFinite(value)) return value;
    this.#fault(offset, path, 'is not a number that can be kept', 'a finite number');
    return null;
  }

  #map(node: YAMLMap, path: Path, copiedFrom: number): Record<string, unknown> {
    const entries: Record<string, unknown> = {};
    const places = new Map<PropertyKey, Place>();
    for (const pair of node.items) {
      const keyNode = pair.key as Node;
      const key = String(isScalar(keyNode) ? keyNode.value : '');
      const place = { key: offsetOf(keyNode) ?? 0, value: offsetOf(pair.value as Node | null) ?? offsetOf(keyNode) ?? 0 };
      if (places.has(key)) {
        this.#fault(place.key, [...path, key], 'the key stands here twice', 'each key once', 'key');
      } else if (key === '__proto__') {
        this.#fault(place.key, [...path, key], 'unknown key', null, 'key');
      } else {
        places.set(key, place);
        entries[key] = this.#plain(pair.value as Node | null, [...path, key], copiedFrom);
      }
    }
    this.#places.set(entries, places);
    return entries;
  }

  #list(nodes: readonly Node[], path: Path, copiedFrom: number): unknown[] {
    const list = nodes.map((node, index) => this.#plain(node, [...path, index], copiedFrom));
    this.#places.set(
      list,
      new Map(nodes.map((node, index) => [index, { key: offsetOf(node) ?? 0, value: offsetOf(node) ?? 0 }])),
    );
    return list;
  }

  #fault(offset: number, path: Path, message: string, expected: string | null, part: Part = 'value'): void {
    this.faults.push({ offset, path, part, message, expected });
  }
}

/** Nothing for an empty value, which has no place of its own. */
function offsetOf(node: Node | null): number | undefined {
  const isEmpty = isScalar(node) && node.value === null && node.source === '';
  return isEmpty ? undefined : node?.range?.[0];
}

/**
 * Whether any token stands below more than `limit` collections; without recursion, since the depth
 * is what is in doubt.
 */
function isDeeper(tokens: readonly CST.Token[], limit: number): boolean {
  const waiting: [CST.Token | null | undefined, number][] = tokens.map((token) => [token, 0]);
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const [token, depth] = next;
    if (depth > limit) return true;
    if (token?.type === 'document') waiting.push([token.value, depth]);
    if (!token || !('items' in token)) continue;
    for (const { key, value } of token.items) waiting.push([key, depth + 1], [value, depth + 1]);
  }
  return false;
}

const structure = ['the file is not YAML here', 'keys, values and lists that are indented and closed properly'] as const;

function wordingOf(code: ErrorCode): readonly [message: string, expected: string] {
  return syntax[code] ?? structure;
}

const syntax: Partial<Record<ErrorCode, readonly [message: string, expected: string]>> = {
  TAB_AS_INDENT: ['a tab indents the line', 'spaces'],
  BAD_INDENT: [
    'the line is indented differently from those that it belongs to',
    'the same indentation for all keys of one level, and every bracket closed',
  ],
  BAD_ALIAS: ['the alias cannot be read', 'the value itself, or *name of an anchor further up'],
  ALIAS_PROPS: ['the alias cannot be read', 'the value itself, or *name of an anchor further up'],
  BAD_DQ_ESCAPE: ['a backslash is followed by something that it does not escape', 'single quotes, or "\\\\" for a backslash'],
  BAD_SCALAR_START: ['a text begins with a reserved character', 'the text in quotes'],
  BLOCK_AS_IMPLICIT_KEY: ['there is a second ":" in the line', 'the value in quotes, or on lines of its own'],
  MULTILINE_IMPLICIT_KEY: ['a key runs over several lines', '"key: value", with a space behind the ":"'],
  KEY_OVER_1024_CHARS: ['a key is too long', '"key: value", with a space behind the ":"'],
  MISSING_CHAR: ['a character is missing', 'a closing quote or bracket, a "," or ":", or a space behind a ":"'],
  NON_STRING_KEY: ['a key is not a text', 'a plain text as the key'],
  TAG_RESOLVE_FAILED: ['tags (!name) are not read', 'the value without a tag'],
  BAD_COLLECTION_TYPE: ['tags (!name) are not read', 'the value without a tag'],
  BAD_DIRECTIVE: ['directives (%name) are not read', 'the file without them'],
};
