/** Owns the shape of a simulated SOAR organisation, and one that has been in use for a while. */
import { randomBytes, randomUUID } from 'node:crypto';
import { BadWish, type Planted } from '../vendor.js';

export interface Secret {
  readonly value: string;
  readonly createdAt: number;
  lastUsedAt: number | null;
  dead: boolean;
}

export interface ApiKeyAccount {
  readonly id: number;
  /**
   * What a program logs in with, and what exports call the key's handle; it stays when the secret
   * is regenerated.
   */
  readonly clientId: string;
  displayName: string;
  permissions: string[];
  readonly createdAt: number;
  modifiedAt: number;
  modifiedBy: string;
  secretModifiedAt: number;
  secretExpiresAt: number;
  locked: boolean;
  failedLogins: number;
  deleted: boolean;
  /** The newest last. */
  secrets: Secret[];
}

export type AppStatus = 'DEPLOYED' | 'UNDEPLOYED' | 'DEPLOYING' | 'UNDEPLOYING';

/** What an app logs in with: a key, and the app.config that names it. */
export interface Part {
  keyHandle: string;
  configString: string;
}

export interface App extends Part {
  readonly id: number;
  readonly name: string;
  readonly displayName: string;
  readonly uuid: string;
  readonly version: string;
  /** Another executable of it, with a key of its own; it comes and goes with the app. */
  readonly second?: Part;
  readonly secrets: Record<string, string>;
  readonly installedAt: number;
  desired: 'DEPLOYED' | 'UNDEPLOYED';
  status: AppStatus;
}

/** The executables of an app. */
export const partsOf = (app: App): readonly Part[] => (app.second ? [app, app.second] : [app]);

export interface Destination {
  readonly id: number;
  readonly name: string;
  /** The keys that may read it. */
  apiKeys: string[];
  /**
   * Messages are numbered from 1; those up to `next` were handed out, those in `returned` came
   * back.
   */
  queue: { produced: number; next: number; returned: number[]; held: number[] };
}

export interface SoarState {
  readonly orgId: number;
  readonly orgName: string;
  readonly orgUuid: string;
  readonly managementId: number;
  readonly firstId: number;
  nextId: number;
  accounts: ApiKeyAccount[];
  apps: App[];
  destinations: Destination[];
  /**
   * Failed logins of the last hour from the one address that everybody here shares, and what they
   * led to.
   */
  ban: { failures: number[]; bans: number; until: number | null };
  planted: string[];
}

const DAY = 86_400_000;
const YEAR = 365 * DAY;

export function seed(planted: Planted): SoarState {
  const app = ['read_data', 'read_function', 'edit_data'];
  const first = newAccount(17, 'enrichment', app, planted.key, 340 * DAY);
  const management = newAccount(
    3,
    'rekey',
    ['read_data', 'admin_apikeys', 'manage_apps'],
    planted.management?.keySecret,
    30 * DAY,
  );
  const locked = { ...newAccount(9, 'old-import', ['read_data'], undefined, 300 * DAY), locked: true, failedLogins: 10 };
  const ticketing = newAccount(23, 'ticketing', app, undefined, 60 * DAY);
  const assets = newAccount(24, 'assets', app, undefined, 60 * DAY);
  const orgName = 'Example SOC';
  return {
    orgId: 201,
    orgName,
    orgUuid: randomUUID(),
    managementId: management.id,
    firstId: first.id,
    nextId: 31,
    accounts: [management, locked, first, ticketing, assets],
    apps: [
      newApp(101, 'enrichment', 'Threat Enrichment', first, orgName),
      newApp(102, 'phishing', 'Phishing Triage', first, orgName),
      newApp(103, 'ticketing', 'Ticketing', ticketing, orgName, assets),
    ],
    destinations: [
      newDestination(11, 'enrichment', first),
      newDestination(12, 'phishing', first),
      newDestination(13, 'ticketing', ticketing),
    ],
    ban: { failures: [], bans: 0, until: null },
    planted: [],
  };
}

export function newAccount(id: number, displayName: string, permissions: string[], secret?: string, age = 0): ApiKeyAccount {
  const createdAt = Date.now() - age;
  return {
    id,
    clientId: randomUUID(),
    displayName,
    permissions,
    createdAt,
    modifiedAt: createdAt,
    modifiedBy: 'ada@example.com',
    secretModifiedAt: createdAt,
    secretExpiresAt: createdAt + YEAR,
    locked: false,
    failedLogins: 0,
    deleted: false,
    secrets: [newSecret(secret, createdAt)],
  };
}

/**
 * The old secret dies at once: there is no overlap. That a lock ends with it is IBM's cure for
 * locked accounts.
 */
export function renewSecret(account: ApiKeyAccount, planted: string | undefined): Secret {
  // Two changes within one millisecond would look like one.
  const now = Math.max(Date.now(), account.secretModifiedAt + 1);
  for (const secret of account.secrets) secret.dead = true;
  const secret = newSecret(planted, now);
  account.secrets.push(secret);
  Object.assign(account, { secretModifiedAt: now, modifiedAt: now, secretExpiresAt: now + YEAR, locked: false, failedLogins: 0 });
  return secret;
}

/** 43 characters that need no escaping: the format is assumed. */
export function checkSecret(value: string): string {
  if (!/^[\x21-\x7e]{22,100}$/.test(value)) throw new BadWish('A SOAR secret is 22 to 100 printable characters without spaces.');
  return value;
}

function newSecret(value: string | undefined, createdAt: number): Secret {
  return { value: checkSecret(value ?? randomBytes(32).toString('base64url')), createdAt, lastUsedAt: null, dead: false };
}

/**
 * That an app's secrets are named like this is assumed; that its configuration refers to them by
 * `$` is documented for App Host.
 */
const SECRET_NAMES = ['API_KEY_SECRET', 'SECOND_KEY_SECRET'] as const;

function newApp(
  id: number,
  name: string,
  displayName: string,
  account: ApiKeyAccount,
  orgName: string,
  second?: ApiKeyAccount,
): App {
  const part = ({ clientId }: ApiKeyAccount, secretName: string): Part => ({
    keyHandle: clientId,
    configString: `[resilient]
host=soar.example.com
port=443
org=${orgName}
api_key_id=${clientId}
api_key_secret=$${secretName}
cafile=false

[${name}]
# seconds
timeout=30
`,
  });
  const accounts = second ? [account, second] : [account];
  return {
    id,
    name,
    displayName,
    uuid: randomUUID(),
    version: '1.4.2',
    ...part(account, SECRET_NAMES[0]),
    ...(second && { second: part(second, SECRET_NAMES[1]) }),
    secrets: Object.fromEntries(accounts.map((own, index) => [SECRET_NAMES[index], own.secrets.at(-1)!.value])),
    installedAt: account.createdAt,
    desired: 'DEPLOYED',
    status: 'DEPLOYED',
  };
}

function newDestination(id: number, name: string, account: ApiKeyAccount): Destination {
  return { id, name, apiKeys: [account.clientId], queue: { produced: 0, next: 1, returned: [], held: [] } };
}
