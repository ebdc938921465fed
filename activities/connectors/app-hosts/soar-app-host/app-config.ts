/**
 * Owns the move of an app from one key to another in the text of its app.config: id and secret
 * change in one write, so that no start meets half of it.
 */

export type Moved =
  | { readonly ok: true; readonly text: string; readonly secretName: string }
  | { readonly ok: false; readonly reason: string };

/**
 * The text with another `api_key_id`, and with `api_key_secret` referring to another app secret:
 * the one that it refers to now stays as it is until the text is changed, since an app that starts
 * meanwhile must find what fits. Two names take turns, so that none is left behind each time.
 */
export function moved(text: string, from: string, to: string): Moved {
  const id = onlyLine(text, 'api_key_id');
  const secret = onlyLine(text, 'api_key_secret');
  if (id?.value !== from) return { ok: false, reason: 'its app.config does not name the key that it uses as api_key_id' };
  const name = /^\$\{?(\w+)\}?$/.exec(secret?.value ?? '')?.[1];
  if (!secret || name === undefined)
    return { ok: false, reason: 'its app.config does not take api_key_secret from an app secret ($NAME)' };
  const secretName = name.endsWith(turn) ? name.slice(0, -turn.length) : `${name}${turn}`;
  const changes = [
    { ...id, by: to },
    { ...secret, by: `$${secretName}` },
  ].sort((a, b) => b.start - a.start);
  return {
    ok: true,
    secretName,
    text: changes.reduce((changed, { start, end, by }) => changed.slice(0, start) + by + changed.slice(end), text),
  };
}

const turn = '_NEXT';

interface Line {
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** Undefined also where it stands there twice: which of them counts is not ours to guess. */
function onlyLine(text: string, option: string): Line | undefined {
  const [found, second] = text.matchAll(new RegExp(`^([ \\t]*${option}[ \\t]*=[ \\t]*)(\\S+)`, 'gm'));
  if (!found || second) return undefined;
  const start = found.index + found[1]!.length;
  return { value: found[2]!, start, end: start + found[2]!.length };
}
