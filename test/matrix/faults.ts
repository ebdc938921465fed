/** Owns the faults of the matrix: what is done to a request, in the words of the sandbox. */
import type { Point } from './points.js';
import { type Credential, concerning, vendorsOf } from './requests.js';

export interface FaultKind {
  readonly name: string;
  /** Takes the worker with it, and so whatever else it was doing. */
  readonly kills: boolean;
  /**
   * What only looks has no effect: to lose its reply, or to die behind it, is the same as to be cut
   * off before it, and late it changes nothing.
   */
  readonly changesOnly: boolean;
  readonly spec: object;
}

/** A body that repeats secrets, in the form in which each vendor says what is wrong. */
const echo = (vendor: string, secrets: readonly string[]): string => {
  const text = `this does not work: ${secrets.join(' ')}`;
  if (vendor === 'datadog') return JSON.stringify({ errors: [text] });
  if (vendor === 'docspace') return JSON.stringify({ status: 1, statusCode: 500, error: { message: text, hresult: 0 } });
  if (vendor === 'algolia') return JSON.stringify({ message: text, status: 500 });
  if (vendor === 'dnn') return JSON.stringify({ message: text });
  return vendor === 'soar' ? JSON.stringify({ success: false, message: text }) : text;
};

const fault = (name: string, spec: object, of: Partial<FaultKind> = {}): FaultKind => ({
  name,
  kills: false,
  changesOnly: false,
  spec,
  ...of,
});

export const faultKinds: readonly FaultKind[] = [
  fault('worker killed before it', { when: 'before', action: 'kill-worker' }, { kills: true }),
  fault('worker killed after its effect', { when: 'after', action: 'kill-worker' }, { kills: true, changesOnly: true }),
  fault('reply lost', { when: 'after', action: 'drop' }, { changesOnly: true }),
  fault('connection dropped', { when: 'before', action: 'drop' }),
  fault('hang', { when: 'before', action: 'hang' }),
  fault('500', { when: 'before', action: 'status', status: 500 }),
  fault('502 after its effect', { when: 'after', action: 'status', status: 502 }, { changesOnly: true }),
  fault('429', { when: 'before', action: 'status', status: 429 }),
  fault('429 with Retry-After', { when: 'before', action: 'status', status: 429, headers: { 'retry-after': '1' } }),
  fault('late', { when: 'before', action: 'hold', until: 'repeated' }, { changesOnly: true }),
];

export const fits = (kind: FaultKind, point: Point): boolean => !kind.changesOnly || point.method !== 'GET';

/** That rekey has changed so much for a credential. */
export const changed = (credential: Credential, changes: number): object => ({
  vendors: vendorsOf[credential],
  path: concerning(credential),
  changes,
});

/** What `POST /faults` takes for this fault at this point. */
export function planted(kind: FaultKind, point: Point, secrets: readonly string[]): object {
  const { credential, vendor, method, path, skip, changes } = point;
  const says = 'status' in kind.spec ? { bodyText: echo(vendor, secrets) } : {};
  return { vendor, method, path, skip, ...(changes > 0 && { after: changed(credential, changes) }), ...kind.spec, ...says };
}
