/**
 * Owns which host keys a machine may show: what known_hosts says of it, or a pinned fingerprint. A
 * machine that neither knows is refused.
 */
import { createHash, createHmac } from 'node:crypto';

export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface KnownKeys {
  /** Base64 of the keys, as they stand in the file, with their types. */
  readonly trusted: readonly { readonly type: string; readonly key: string }[];
  readonly revoked: readonly string[];
}

/**
 * The lines of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) that speak of this
 * machine. Certificate authorities are not read.
 */
export function keysFor(text: string, place: Place): KnownKeys {
  const trusted: { type: string; key: string }[] = [];
  const revoked: string[] = [];
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    if (words[0] === '' || words[0]!.startsWith('#')) continue;
    const marker = words[0]!.startsWith('@') ? words.shift()! : null;
    const [hosts, type, key] = words;
    if (!hosts || !type || !key || !speaksOf(hosts, nameOf(place))) continue;
    if (marker === '@revoked') revoked.push(key);
    else if (marker === null) trusted.push({ type, key });
  }
  return { trusted, revoked };
}

/** As it stands in known_hosts. */
export function nameOf({ host, port }: Place): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

export function parseAddress(address: string): Place {
  const [, bracketed, plain, port] = /^(?:\[(.*?)\]|([^:]+))(?::(\d+))?$/.exec(address) ?? [];
  return { host: bracketed ?? plain ?? address, port: Number(port ?? 22) };
}

export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/**
 * A name that is hashed stands alone; else it is a list of patterns, of which none that begins with
 * `!` may fit.
 */
function speaksOf(hosts: string, name: string): boolean {
  const [, salt, hash] = /^\|1\|([^|]+)\|([^|]+)$/.exec(hosts) ?? [];
  if (salt && hash) return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
  const patterns = hosts.toLowerCase().split(',');
  if (patterns.some((pattern) => pattern.startsWith('!') && fits(pattern.slice(1), name))) return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && fits(pattern, name));
}

function fits(pattern: string, name: string): boolean {
  const expression = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${expression}$`).test(name);
}
