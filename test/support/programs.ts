/** Owns which of the sandbox's programs use which credential, and how tests declare them. */
import { existsSync } from 'node:fs';

const programs = {
  'datadog/agents': ['web-1', 'web-2', 'legacy', 'reporter'],
  'docspace/exports': ['exports-1', 'exports-2', 'archiver'],
  'soar/enrichment': ['enrichment', 'phishing'],
  'soar/ticketing': ['ticketing'],
  'algolia/search': ['storefront', 'tokens'],
  'algolia/indexing': ['indexer'],
  'dnn/site-apps': ['catalogue', 'kiosk', 'stock-sync'],
} as const;

export type SandboxCredential = keyof typeof programs;

export const allPrograms: readonly string[] = Object.values(programs).flat();

export const programsOf = (...credentials: readonly SandboxCredential[]): readonly string[] =>
  credentials.flatMap((credential) => programs[credential]);

/** The sandbox's rekey.yaml without the credentials that are not among these. */
export const declaring = (text: string, credentials: readonly SandboxCredential[]): string =>
  text.replace(/^ {2}([\w-]+\/[\w-]+):\n(?:(?: {4}.*)?\n)*/gm, (block, name: SandboxCredential) =>
    credentials.includes(name) ? block : '',
  );

const curl = '/usr/bin/curl';

/**
 * Has programs asked over HTTP and restarted by `curl`, since each of the sandbox's own commands is
 * a Node program. One keeps them, so that they are tried, too.
 */
export const byDoor = (text: string): string => {
  const asked = text.replace(
    /(last4|fingerprint): "\S+ \S+ctl\.js (\S+) status (?!web-1")([\w-]+)"/g,
    'http: "$2/hosts/apps/$3/status", shows: $1',
  );
  if (!existsSync(curl)) return asked;
  return asked.replace(
    /apply: "\S+ \S+ctl\.js (\S+) restart (?!web-1")([\w-]+)"/g,
    `apply: "${curl} -sS -f -X POST -A \\"$REKEY_USER_AGENT\\" $1/hosts/apps/$2/restart"`,
  );
};
