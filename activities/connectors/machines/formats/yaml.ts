/**
 * Owns values in YAML files, found by the parser and replaced in the text, so that comments, order
 * and quoting stay.
 */
import { isAlias, isScalar, parseDocument, Scalar } from 'yaml';
import { bytewise, NoPlace, type Place, splice } from './format.js';

const byteOrderMark = '\u00ef\u00bb\u00bf';

/** `at` names nested keys with dots: `api_key`, `forwarder.api_key`. */
export function findInYaml(text: string, at: string): Place {
  const skipped = text.startsWith(byteOrderMark) ? byteOrderMark.length : 0;
  const document = parseDocument(text.slice(skipped));
  const error = document.errors[0];
  // The parser's message quotes the line, which may be the one with the key.
  if (error) throw new NoPlace(`it is not valid YAML, line ${error.linePos?.[0].line ?? '?'} (${error.code})`);

  const node = document.getIn(bytewise(at).split('.'), true);
  if (node === undefined) throw new NoPlace(`there is no ${at} in it`);
  if (isAlias(node)) throw new NoPlace(`${at} is an alias of another value`);
  if (!isScalar(node) || !node.range) throw new NoPlace(`${at} is not a single value`);
  if (node.anchor) throw new NoPlace(`${at} is an anchor, so that other values would change with it`);
  if (node.type === Scalar.BLOCK_LITERAL || node.type === Scalar.BLOCK_FOLDED) throw new NoPlace(`${at} is a block of text`);

  const value = typeof node.value === 'string' ? node.value : (node.source ?? '');
  // Datadog's agent resolves such a handle through its secret backend
  // (agent/configuration/secrets-management): the key has its home there.
  if (/^ENC\[.*\]$/.test(value)) throw new NoPlace(`${at} refers to a secret backend; the key must be handed out there`);

  const [start, end] = [node.range[0] + skipped, node.range[1] + skipped];
  return {
    value,
    replace(next) {
      const written = render(next, node.type);
      if (start !== end) return splice(text, start, end, written);
      const before = /\s/.test(text[start - 1] ?? '') ? '' : ' ';
      const after = /^[ \t]*(\r|\n|$)/.test(text.slice(end)) || text[end] === ' ' ? '' : ' ';
      return splice(text, start, end, `${before}${written}${after}`);
    },
  };
}

function render(value: string, type: Scalar.Type | undefined): string {
  if (type === Scalar.QUOTE_SINGLE) return `'${value.replaceAll("'", "''")}'`;
  if (type === Scalar.QUOTE_DOUBLE || !staysText(value)) return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  return value;
}

/**
 * Whether every reader takes the unquoted value for a text: a hexadecimal key can look like a
 * number, above all to readers of YAML 1.1.
 */
function staysText(value: string): boolean {
  if (!/^[\w./+=-]+$/.test(value)) return false;
  return (['1.1', '1.2'] as const).every((version) => parseDocument(`key: ${value}\n`, { version }).get('key') === value);
}
