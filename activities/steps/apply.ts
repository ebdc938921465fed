/**
 * Owns taking a configuration over and adopting the keys that it names; adopting a key never
 * rotates it.
 */
import type { Adoption, Configuration } from '../../workflows/domain/configuration.js';
import type { CredentialSpec } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Order } from '../../workflows/domain/records.js';
import { requireWho, type Who } from '../../workflows/domain/who.js';
import type { ApplyDeps } from '../deps.js';
import type { Secret } from '../ports/secret.js';

export interface ApplyInput extends Order {
  readonly configuration: Configuration;
  readonly hash: string;
  readonly by: Who;
}

export async function saveConfiguration(
  deps: ApplyDeps,
  { configuration, hash, by, ...order }: ApplyInput,
): Promise<{ changed: boolean }> {
  requireWho(by);
  return deps.ledger.saveConfiguration(order, configuration, hash, by);
}

export interface AdoptInput {
  readonly credential: string;
  /**
   * Null where the id is the secret: then it is computed from the secret, and the key never stands
   * in an argument.
   */
  readonly keyId: string | null;
  /**
   * `env:`, `file:`, `exec:`, `consumer:` for what that one has, or `vault:<ref>` for what a person
   * handed in; null where none is needed.
   */
  readonly secret: string | null;
  readonly by: Who;
}

/**
 * Looks the key up, proves the secret where it has one, and records it as the active version. The
 * same key again changes nothing.
 */
export async function adoptVersion(deps: ApplyDeps, input: AdoptInput, signal: AbortSignal): Promise<Adoption> {
  requireWho(input.by);
  const handedIn = /^vault:(.*)$/.exec(input.secret ?? '')?.[1] ?? null;
  try {
    return await takeOver(deps, input, handedIn, signal);
  } catch (error) {
    // Nobody looks at it again.
    if (handedIn !== null && error instanceof RekeyError && !error.retryable) await deps.vault.discard(handedIn);
    throw error;
  }
}

async function takeOver(
  deps: ApplyDeps,
  { credential, keyId: given, secret: reference, by }: AdoptInput,
  handedIn: string | null,
  signal: AbortSignal,
): Promise<Adoption> {
  const active = (await deps.ledger.versions(credential)).find((v) => v.state === 'active');
  if (active && (active.secretRef !== null || reference === null)) {
    if (handedIn !== null) await deps.vault.discard(handedIn);
    return { credential, generation: active.generation, adopted: false };
  }

  const spec = await deps.ledger.credential(credential);
  const store = await deps.applied.store(spec.store);
  const account = await store.check(signal);
  const secret = reference === null ? null : await secretBehind(deps, spec, reference, signal);
  const { idIsSecret } = store.capabilities;
  const keyId = idIsSecret ? secret?.handle : given;
  if (!keyId) throw new RekeyError('KR_USAGE', `${credential} cannot be adopted without its ${idIsSecret ? 'secret' : 'id'}`);
  const key = await store.describe(keyId, signal);
  if (!key && store.capabilities.listsKeys)
    throw new RekeyError('KR_NOT_FOUND', `key ${keyId} of ${credential} is not in ${spec.store}`);

  // In place the old secret proves nothing that is needed, and a refused login could count towards
  // a lock.
  if (secret && spec.strategy === 'overlap') {
    const { endpoints } = await store.probe({ keyId, secret }, signal);
    if (!endpoints.every((d) => d.accepted))
      throw new RekeyError('KR_STORE_REFUSED', `the secret that was given for ${credential} is not accepted by ${spec.store}`);
  }
  const sealed = secret ? await deps.vault.seal(secret) : null;
  const version = {
    account: account.identity,
    keyId,
    keyName: key?.name ?? keyId,
    fingerprint: secret?.fingerprint ?? null,
    digest: secret?.digest ?? null,
    secret: sealed,
    handedIn,
  };
  return { credential, ...(await deps.ledger.adopt(credential, version, by)) };
}

async function secretBehind(deps: ApplyDeps, spec: CredentialSpec, reference: string, signal: AbortSignal): Promise<Secret> {
  const [, kind, rest = ''] = /^(vault|consumer):(.*)$/.exec(reference) ?? [];
  if (kind === 'vault') return deps.vault.open(rest);
  if (kind === undefined) return deps.resolve(reference);
  const consumer = spec.consumers.kind === 'list' ? spec.consumers.list.find(({ name }) => name === rest) : undefined;
  if (!consumer) throw new RekeyError('KR_NOT_FOUND', `${rest} among the consumers of ${spec.name}`);
  const held = await (await deps.applied.host(consumer.host)).readSecret?.(consumer, signal);
  if (!held) throw new RekeyError('KR_REFERENCE_UNRESOLVED', `host ${consumer.host} shows no secret of ${rest}`);
  return held;
}
