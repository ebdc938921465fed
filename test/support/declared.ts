/** Owns the plainest declaration of a credential, for tests of the ledger alone. */
import type { Configuration, CredentialDeclaration } from '../../workflows/domain/configuration.js';
import { defaultLimits } from '../../workflows/domain/planner.js';

export const declared = (name: string, changes: Partial<CredentialDeclaration> = {}): CredentialDeclaration => ({
  name,
  store: 'dd',
  strategy: 'overlap',
  attributes: {},
  consumers: { kind: 'none' },
  rollout: { canary: 1, wave: { count: 1 }, bake: 0 },
  policy: {
    every: null,
    window: null,
    jitter: 0,
    grace: 0,
    soak: 0,
    evidence: 'uses',
    confirm: 1_000,
    downtime: null,
    approve: [],
    approveWithin: 1_000,
    keepRevoked: 1_000,
  },
  accept: [],
  current: null,
  labels: [],
  ...changes,
});

export const declaring = (...credentials: readonly CredentialDeclaration[]): Configuration => ({
  stores: { dd: { kind: 'datadog', settings: {} } },
  hosts: { host: { kind: 'model', settings: {} } },
  credentials: Object.fromEntries(credentials.map((credential) => [credential.name, credential])),
  limits: defaultLimits,
});
