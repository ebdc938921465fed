/** Owns which of the sandbox's programs use which credential. */
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
