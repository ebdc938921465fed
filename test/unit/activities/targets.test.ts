/**
 * A store or host that is another one than the run was planned for: every step notices it in its
 * own attempt, and nothing is sent.
 */
import { describe, expect, it } from 'vitest';
import { changeKey } from '../../../activities/steps/attributes.js';
import {
  awaitStopped,
  confirmConsumer,
  distribute,
  inspectConsumers,
  undeployConsumer,
} from '../../../activities/steps/consumers.js';
import { disableVersion, watchSoak } from '../../../activities/steps/disable.js';
import { mintVersion } from '../../../activities/steps/mint.js';
import { regenerateSecret } from '../../../activities/steps/regenerate.js';
import { drain, proveDead, removeOrphans, revokeVersion } from '../../../activities/steps/retire.js';
import { depsOf, stepRef, timing } from './effects.js';

const never = new AbortController().signal;
const step = stepRef('step');
const sent: string[] = [];
const sends = (what: string) => async () => void sent.push(what);
const capabilities = { listsKeys: true, minKeys: 0, probeRetryOn401: false, timing };
const changed = { code: 'KR_TARGET_CHANGED' };

describe('a store that is somebody else’s by now', () => {
  const store = {
    capabilities,
    check: async () => ({ identity: 'another', managementKeyId: null, keys: 2, maxKeys: null }),
    describe: async (id: string) => ({ id, name: id, state: 'live', rights: {}, secretChanged: null }),
    findByTag: async () => [{ id: 'lost' }],
    probe: sends('probe'),
    create: sends('create'),
    revoke: sends('revoke'),
    disable: sends('disable'),
    regenerate: sends('regenerate'),
    update: sends('update'),
  };
  const plan = { keyId: 'key-1', before: null, after: { name: 'a', rights: {}, state: 'live' }, widens: [] } as never;
  type Deps = ReturnType<typeof depsOf>['deps'];
  const steps: readonly (readonly [string, (deps: Deps) => Promise<unknown>])[] = [
    ['mint', (deps) => mintVersion(deps, { step, known: null, delivered: false })],
    ['disable', (deps) => disableVersion(deps, { step, target: 1, survivor: 2 })],
    ['revoke', (deps) => revokeVersion(deps, { step, target: 1, survivor: 2 })],
    ['regenerate', (deps) => regenerateSecret(deps, { step })],
    ['update', (deps) => changeKey(deps, { step, plan })],
    ['remove orphans', (deps) => removeOrphans(deps, { step, known: null })],
    ['drain', (deps) => drain(deps, { step }, never)],
    ['prove dead', (deps) => proveDead(deps, { step }, never)],
  ];
  it.each(steps)('is sent nothing by: %s', async (_, act) => {
    sent.length = 0;
    const { deps, told } = depsOf({ store });
    await expect(act(deps)).rejects.toMatchObject(changed);
    expect([sent, told.steps.map(({ outcome }) => outcome).filter(Boolean)]).toEqual([[], []]);
  });

  it('is asked anew for each effect, and by looks once in a while', async () => {
    let asked = 0;
    const same = { ...store, check: async () => ({ identity: 'a', managementKeyId: null, keys: ++asked, maxKeys: null }) };
    const { deps } = depsOf({ store: { ...same, findByTag: async () => [], probe: async () => ({ endpoints: [] }) } });
    for (const _ of [1, 2]) await removeOrphans(deps, { step, known: null });
    expect(asked).toBe(2);
    for (const _ of [1, 2]) await proveDead(deps, { step }, never);
    expect(asked).toBe(2);
  });
});

describe.each([
  ['host that is another machine', { identity: async (): Promise<string> => 'another' }],
  ['host on which one consumer is on another machine', { identityOf: async (): Promise<string> => 'another' }],
  ['host that nobody has seen', { identity: async (): Promise<string> => 'machine' }, { store: 'a', hosts: {} }],
] as const)('a %s by now', (_, who, identities = { store: 'a', hosts: { h: 'machine', 'h/web': 'known' } }) => {
  const host = {
    capabilities: { ...capabilities, remembersFence: true },
    inspect: async () => ({ consumer: 'web', state: 'stopped', instances: [], healthy: true }),
    deliver: sends('deliver'),
    apply: sends('apply'),
    undeploy: sends('undeploy'),
    ...who,
  };
  const run = { identities, targets: [{ name: 'web', host: 'h', settings: {} }] };
  type Deps = ReturnType<typeof depsOf>['deps'];
  const at = { step, host: 'h', consumers: ['web'] };
  const steps: readonly (readonly [string, (deps: Deps) => Promise<unknown>])[] = [
    ['distribute', (deps) => distribute(deps, { step, consumer: 'web', generation: 2 })],
    ['undeploy', (deps) => undeployConsumer(deps, { step, consumer: 'web', begun: false })],
    ['inspect', (deps) => inspectConsumers(deps, at, never)],
    ['confirm', (deps) => confirmConsumer(deps, { step, consumer: 'web', generation: 2 }, never)],
    ['await stopped', (deps) => awaitStopped(deps, at, never)],
    ['soak', (deps) => watchSoak(deps, { ...at, target: 1, survivor: 2 }, never)],
  ];
  it.each(steps)('is sent and believed nothing by: %s', async (__, act) => {
    sent.length = 0;
    const { deps, told } = depsOf({ host, run });
    await expect(act(deps)).rejects.toMatchObject(changed);
    expect([sent, told.seen]).toEqual([[], 0]);
  });
});
