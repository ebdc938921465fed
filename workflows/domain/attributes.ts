/**
 * Decides what a change of a key that leaves its secret alone amounts to: the image it is to have,
 * what differs, what it opens, what speaks against it.
 */
import type { Json, JsonObject, KeyChange } from './credential.js';
import { canonicalJson } from './json.js';
import { tagIn } from './tag.js';

/** All that can be changed of a key without changing its secret. */
export type KeyImage = {
  readonly name: string;
  readonly rights: JsonObject;
  readonly state: 'live' | 'disabled';
};

/**
 * `what` is `name`, `active`, or a right in the store's own words; null for what was or is not
 * there.
 */
export type Difference = { readonly what: string; readonly before: Json; readonly after: Json };

/** A key as its store shows it, held against what rekey.yaml declares. */
export interface KeyLook {
  readonly credential: string;
  readonly generation: number | null;
  /** Null where it could not be looked at. */
  readonly key: {
    readonly id: string;
    readonly name: string;
    readonly state: string;
    readonly rights: JsonObject;
  } | null;
  /** What would be different if it were as it is declared, and what that opens. */
  readonly differences: readonly Difference[];
  readonly widens: readonly string[];
  /** Why it could not be looked at, or cannot be what is declared. */
  readonly problem: string | null;
}

/** A change that completed. */
export interface PastUpdate {
  readonly run: string;
  readonly keyId: string;
  readonly before: KeyImage;
  readonly after: KeyImage;
}

/** Rights are sets: the order of a list means nothing. */
export function rightsDiffer(before: JsonObject, after: JsonObject): readonly Difference[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .sort()
    .map((what) => ({ what, before: before[what] ?? null, after: after[what] ?? null }))
    .filter((d) => comparable(d.before) !== comparable(d.after));
}

export function imagesDiffer(before: KeyImage, after: KeyImage): readonly Difference[] {
  return [
    ...(before.name === after.name ? [] : [{ what: 'name', before: before.name, after: after.name }]),
    ...(before.state === after.state ? [] : [{ what: 'active', before: before.state === 'live', after: after.state === 'live' }]),
    ...rightsDiffer(before.rights, after.rights),
  ];
}

export function inWords(differences: readonly Difference[]): string {
  return differences.map(({ what, before, after }) => `${what}: ${canonicalJson(before)} → ${canonicalJson(after)}`).join('; ');
}

function comparable(value: Json): string {
  const isList = Array.isArray(value) && value.every((item: Json) => typeof item === 'string');
  return canonicalJson(isList ? [...value].sort() : value);
}

/** What the image is made from. */
export interface Desired {
  /** `attributes:` of the credential. */
  readonly declared: JsonObject;
  readonly ofNewKeys: readonly string[];
  readonly defaults: JsonObject;
  readonly longestName: number;
  readonly rightsWith: (rights: JsonObject, attributes: JsonObject) => JsonObject;
}

/**
 * The whole image that a change asks for: stores that replace a key make something of every field
 * that is left out.
 */
export function wantedImage(change: Exclude<KeyChange, { kind: 'undo' }>, present: KeyImage, wishes: Desired): KeyImage {
  const said = change.kind === 'declared' ? without(wishes.declared, wishes.ofNewKeys) : change.attributes;
  const { name: named, ...attributes } = said;
  const name = (change.kind === 'set' ? change.name : null) ?? (typeof named === 'string' ? named : null);
  const kept = change.kind === 'set' && change.resetUnspecified ? { ...present.rights, ...wishes.defaults } : present.rights;
  const active = change.kind === 'set' ? change.active : null;
  return {
    name: name === null ? present.name : withTag(name, present.name, wishes.longestName),
    rights: wishes.rightsWith(kept, attributes),
    state: active === null ? present.state : active ? 'live' : 'disabled',
  };
}

/**
 * A key that rekey made carries its tag in its name; it stays there wherever there is room for
 * both.
 */
function withTag(name: string, present: string, longest: number): string {
  const tag = tagIn(present);
  const both = `${name} ${tag}`;
  return tag === undefined || name.includes(tag) || both.length > longest ? name : both;
}

/**
 * A sentence for each thing that a change opens; where nobody can tell, any change of rights
 * counts.
 */
export function opened(
  before: KeyImage,
  after: KeyImage,
  widens: ((before: JsonObject, after: JsonObject) => readonly string[]) | undefined,
): readonly string[] {
  const rights = widens
    ? widens(before.rights, after.rights)
    : rightsDiffer(before.rights, after.rights).map(({ what }) => `${what} changes, and what that opens cannot be told`);
  return before.state === 'disabled' && after.state === 'live' ? ['the key is accepted again', ...rights] : rights;
}

export interface UpdateFacts {
  readonly store: string;
  readonly managementWorks: boolean;
  readonly isManagementKey: boolean;
  readonly sameAccount: boolean;
  /** Whether the store can change a key, and switch one off without deleting it. */
  readonly changes: boolean;
  readonly disables: boolean;
  /** Null: no key is adopted. */
  readonly keyId: string | null;
  /** As the store shows it; null where it does not. */
  readonly state: 'live' | 'disabled' | 'locked' | 'expired' | null;
  /** Whether anybody is declared to use it. */
  readonly used: boolean;
  readonly last: PastUpdate | null;
}

type Finding = { readonly reason: string; readonly message: string };

/**
 * What speaks against a change before the key is looked at more closely; the first that holds makes
 * the others meaningless.
 */
export function updateFinding(facts: UpdateFacts, change: KeyChange): Finding | null {
  const { store, keyId, state } = facts;
  const finding = (reason: string, message: string): Finding => ({ reason, message });
  if (!facts.managementWorks) return finding('management-refused', `the management credential of ${store} was refused`);
  if (keyId === null) return finding('no-current-key', 'no key is adopted yet: rekey adopt');
  if (!facts.changes) return finding('no-update', `${store} cannot change a key: what it may do is carried over from key to key`);
  if (facts.isManagementKey)
    return finding('management-key', `the key is the one that rekey manages ${store} with, and could lock it out`);
  if (!facts.sameAccount)
    return finding('account-changed', `${store} is another account than the one that the key was adopted from`);
  if (state === null) return finding('key-missing', `key ${keyId} is not in ${store}`);
  if (state !== 'live' && state !== 'disabled') return finding('not-changeable', `the key is ${state}`);
  if (change.kind === 'undo' && !facts.last) return finding('nothing-to-undo', 'no change of this key is on record');
  if (change.kind === 'undo' && facts.last!.keyId !== keyId)
    return finding('rotated-since', `the key was rotated since ${facts.last!.run}: say what it is to be`);
  return null;
}

/** What speaks against the image that was asked for. */
export function imageFinding(facts: UpdateFacts, change: KeyChange, present: KeyImage, after: KeyImage): Finding | null {
  if (change.kind === 'undo' && imagesDiffer(present, facts.last!.after).length > 0)
    return {
      reason: 'changed-since',
      message: `the key is not as ${facts.last!.run} left it (${inWords(imagesDiffer(facts.last!.after, present))}): say what it is to be`,
    };
  if (after.state === 'live' || present.state === 'disabled') return null;
  if (facts.used)
    return { reason: 'in-use', message: 'consumers use the key: one that is switched off would be refused to all of them' };
  if (!facts.disables) return { reason: 'cannot-disable', message: `${facts.store} cannot switch a key off without deleting it` };
  return null;
}

function without(entries: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(entries).filter(([name]) => !names.includes(name)));
}
