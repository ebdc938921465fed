/**
 * Decides what speaks against beginning a rotation; every finding blocks, and all of them are told
 * at once.
 */
import { byHand, hasRoom, noRoom } from './contain.js';
import type { AcceptedRisk, CredentialSpec } from './credential.js';
import type { Urgency } from './incident.js';
import type { Inspection } from './observations.js';
import { isConverged } from './revoke.js';

export interface Finding {
  readonly reason: string;
  readonly message: string;
}

export interface StoreFacts {
  readonly managementWorks: boolean;
  readonly isManagementKey: boolean;
  readonly sameAccount: boolean;
  readonly keys: number;
  readonly maxKeys: number | null;
  /** Null: there is no version that could be rotated. */
  readonly previous: {
    readonly generation: number;
    readonly keyId: string;
    readonly inStore: boolean;
    readonly inVault: boolean;
    readonly accepted: boolean;
  } | null;
  readonly hasLastUsed: boolean;
  /** A person deletes keys of this store. */
  readonly revokedByHand: boolean;
  /** Apps that the store says use the key, by name; null where it does not know. */
  readonly usedBy: readonly string[] | null;
}

/**
 * In an incident nobody waits for quiet, and nobody is given back what has leaked: what would be
 * needed for that blocks nothing.
 */
export function storeFindings(
  facts: StoreFacts,
  spec: CredentialSpec,
  declared: readonly string[],
  urgency: Urgency | null = null,
): readonly Finding[] {
  const findings: Finding[] = [];
  const block = (when: boolean, reason: string, message: string) => when && findings.push({ reason, message });
  const accepts = (risk: AcceptedRisk) => spec.accept.includes(risk);

  if (!facts.managementWorks)
    return [{ reason: 'management-refused', message: `the management credential of ${spec.store} was refused` }];
  if (!facts.previous) return [{ reason: 'no-current-key', message: `no key is adopted yet: rekey adopt ${spec.name} --id ID` }];
  block(
    facts.isManagementKey,
    'management-key',
    `the key is the one that rekey manages ${spec.store} with; give the store another management credential`,
  );
  block(!facts.sameAccount, 'account-changed', `${spec.store} is another account than the one that the key was adopted from`);
  const calm = urgency === null;
  block(
    !facts.previous.inStore && (calm || spec.strategy === 'in-place'),
    'key-missing',
    `key ${facts.previous.keyId} is not in ${spec.store}`,
  );

  if (spec.strategy === 'overlap') {
    block(urgency?.way === 'contain' && facts.revokedByHand, 'by-hand', byHand(spec.store));
    block(
      // To contain a leak, the leaked key makes room.
      urgency?.way !== 'contain' && !hasRoom(facts),
      'no-room',
      noRoom(spec.store, facts),
    );
    block(
      calm && !facts.previous.inVault && !accepts('no-way-back'),
      'no-way-back',
      'the old secret is not in the vault, so consumers could not be given it back: adopt it with its secret, or accept no-way-back',
    );
    block(
      calm && facts.previous.inVault && !facts.previous.accepted,
      'old-not-accepted',
      'the old secret in the vault is not accepted by the store',
    );
    block(
      calm && !facts.hasLastUsed && !accepts('no-last-used'),
      'no-last-used',
      `${spec.store} does not tell when a key was last used: accept no-last-used if the list of consumers is complete`,
    );
  } else {
    const unknown = (facts.usedBy ?? []).filter((app) => !declared.includes(app));
    block(
      spec.consumers.kind === 'list' && unknown.length > 0,
      'unknown-consumer',
      `the store says that these use the key, too: ${unknown.join(', ')}`,
    );
    block(
      spec.consumers.kind === 'all' && facts.usedBy?.length === 0,
      'no-consumers',
      'the store knows no app that uses the key; declare consumers: none if that is right',
    );
  }
  return findings;
}

/** Whoever did not answer although it was asked for as long as the policy has patience. */
export function unreachable(who: string, why: string): Finding {
  return { reason: 'unreachable', message: `${who} cannot be reached: ${why}` };
}

/** A rotation that begins outside its window; `opensAt` is when it opens next. */
export function outsideWindow(name: string, window: string, opensAt: string): Finding {
  return {
    reason: 'outside-window',
    message: `its window ${window} opens at ${opensAt}: rekey starts it then if it is due, or say rekey rotate ${name} --outside-window`,
  };
}

/**
 * What speaks against a consumer: it cannot be seen, is not well, or is not on the version that
 * everyone should be on.
 */
export function consumerFindings(inspection: Inspection, spec: CredentialSpec, previous: number): readonly Finding[] {
  const { consumer, detail } = inspection;
  if (!inspection.healthy) return [{ reason: 'unhealthy', message: `${consumer} is not healthy: ${detail || inspection.state}` }];
  if (spec.strategy === 'in-place') return [];
  if (!isConverged(inspection, previous, spec.policy.evidence)) {
    return [
      {
        reason: 'not-on-current',
        message: `${consumer} does not prove to be on generation ${previous}${detail ? `: ${detail}` : ''}`,
      },
    ];
  }
  if (inspection.showsSource)
    return inspection.source === previous
      ? []
      : [{ reason: 'source-differs', message: `new instances of ${consumer} would start with another key` }];
  // The revoke would be refused for it in the end, when everybody has been handed the new key.
  if (spec.accept.includes('source-not-shown')) return [];
  const message = `what new instances of ${consumer} would start with cannot be seen: accept source-not-shown if they start with what they are handed`;
  return [{ reason: 'source-not-shown', message }];
}
