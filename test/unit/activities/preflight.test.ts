/**
 * Only what a store or a host has said ends a run before its first change. A limit of rate, a fault
 * of a server or a deadline that has passed says nothing: it is asked again, and the ledger tells
 * so.
 */
import { describe, expect, it } from 'vitest';
import { planUpdate } from '../../../activities/steps/attributes.js';
import { compareKeys } from '../../../activities/steps/compare-keys.js';
import { preflightHost, preflightStore } from '../../../activities/steps/preflight.js';
import type { ConsumerSpec } from '../../../workflows/domain/credential.js';
import { RekeyError } from '../../../workflows/domain/errors.js';
import type { RunRecord } from '../../../workflows/domain/records.js';
import { depsOf, stepRef, timing } from './effects.js';

const confirm = 60_000;
const consumers: readonly ConsumerSpec[] = ['enrichment', 'intake'].map((name) => ({ name, host: 'apps', settings: {} }));
const run = (more: Partial<RunRecord> = {}): Partial<RunRecord> =>
  ({
    targets: null,
    strategy: 'overlap',
    spec: {
      name: 'c',
      store: 's',
      strategy: 'overlap',
      consumers: { kind: 'list', list: consumers },
      policy: { evidence: 'uses', confirm },
      accept: [],
      attributes: {},
    },
    standsOn: { stores: { s: { kind: 'fake', settings: {} } }, hosts: {} },
    identities: null,
    ...more,
  }) as unknown as Partial<RunRecord>;

const limited = (code: 'KR_STORE_RATE_LIMITED' | 'KR_HOST_UNAVAILABLE') => new RekeyError(code, '429 Too Many Requests', 2_000);
const failing = (code: 'KR_STORE_UNAVAILABLE' | 'KR_HOST_UNAVAILABLE') => new RekeyError(code, '500 Internal Server Error');
/** As a deadline of ours ends a call that nobody answers. */
const hanging = () => new DOMException('the deadline has passed', 'TimeoutError');

const signal = () => new AbortController().signal;
const seen = ({ name }: ConsumerSpec) => ({
  consumer: name,
  state: 'running',
  instances: [{ id: '1', generation: 1, evidence: 'uses' }],
  source: 1,
  showsSource: true,
  healthy: true,
  authenticationFailed: false,
  detail: '',
});

/** Fails so often, then goes well. */
function failsFirst<Input extends unknown[], Result>(times: number, error: unknown, well: (...input: Input) => Result) {
  let left = times;
  return async (...input: Input): Promise<Result> => {
    if (left-- > 0) throw error;
    return well(...input);
  };
}

const keys = {
  check: () => ({ identity: 'a', managementKeyId: null, keys: 2, maxKeys: null }),
  describe: (id: string) => ({ id, name: id, state: 'live', rights: {}, secretChanged: null }),
  probe: () => ({ endpoints: [{ endpoint: 'api', accepted: true }] }),
};

function askStore(fails: keyof typeof keys, error: unknown, times = 1) {
  const capabilities = { listsKeys: true, minKeys: 0, probeRetryOn401: false, disable: true, lastUsed: 'exact', timing };
  const calls = Object.entries(keys).map(([name, well]) => [name, failsFirst(name === fails ? times : 0, error, well as never)]);
  const store = { capabilities, ...Object.fromEntries(calls) };
  return (waitedMs: number, more: Partial<RunRecord> = {}) => {
    const { deps, told } = depsOf({ store, run: run(more), waitedMs });
    return { found: preflightStore(deps, { step: stepRef('preflight') }, signal()), told };
  };
}

function askHost(fails: 'identity' | 'inspect', error: unknown, times = 1) {
  const host = {
    capabilities: { timing },
    identity: failsFirst(fails === 'identity' ? times : 0, error, () => 'host-1'),
    inspect: failsFirst(fails === 'inspect' ? times : 0, error, seen),
  };
  return (waitedMs: number, more: Partial<RunRecord> = {}) => {
    const { deps, told } = depsOf({ host, run: run(more), waitedMs });
    return { found: preflightHost(deps, { step: stepRef('preflight'), host: 'apps', usedBy: null }, signal()), told };
  };
}

const dead = Number.POSITIVE_INFINITY;
const stores = ['check', 'describe', 'probe'].flatMap((call) => [
  [call, 'a 429', limited('KR_STORE_RATE_LIMITED')],
  [call, 'a 500', failing('KR_STORE_UNAVAILABLE')],
  [call, 'silence', hanging()],
]) as [keyof typeof keys, string, Error][];
const hosts = ['identity', 'inspect'].flatMap((call) => [
  [call, 'a 429', limited('KR_HOST_UNAVAILABLE')],
  [call, 'a 500', failing('KR_HOST_UNAVAILABLE')],
  [call, 'silence', hanging()],
]) as ['identity' | 'inspect', string, Error][];

describe.each(stores)('a store that answers %s with %s', (call, _, error) => {
  it('is asked again, and then speaks for itself', async () => {
    const ask = askStore(call, error);
    const { found, told } = ask(0);
    await expect(found).rejects.toBe(error);
    expect(told.waits).toEqual([expect.stringMatching(/^s to answer: /)]);
    expect(Date.parse(told.deadlines[0]!) - Date.now()).toBeGreaterThan(confirm / 2);
    const again = ask(2_000);
    expect(await again.found).toMatchObject({ findings: [], identity: 'a' });
    expect(again.told.waits).toEqual([]);
  });

  it('for as long as the policy has patience is unreachable', async () => {
    const ask = askStore(call, error, dead);
    await expect(ask(confirm - 1_000).found).rejects.toThrow();
    const { findings } = await ask(confirm + 1).found;
    expect(findings).toMatchObject([
      { reason: 'unreachable', message: expect.stringMatching(/^s cannot be reached: /) as string },
    ]);
  });
});

describe.each(hosts)('a host that answers %s with %s', (call, _, error) => {
  it('is asked again, and then speaks for itself', async () => {
    const ask = askHost(call, error);
    const { found, told } = ask(0);
    await expect(found).rejects.toBe(error);
    expect(told.waits).toEqual([expect.stringMatching(/^apps to answer: /)]);
    const again = ask(2_000);
    expect(await again.found).toMatchObject({
      findings: [],
      identities: { apps: 'host-1' },
      running: ['enrichment', 'intake'],
    });
  });

  it('for as long as the policy has patience is unreachable', async () => {
    const ask = askHost(call, error, dead);
    await expect(ask(confirm - 1_000).found).rejects.toThrow();
    const { findings, identities } = await ask(confirm + 1).found;
    expect(new Set(findings.map(({ reason }) => reason))).toEqual(new Set(['unreachable']));
    expect(Object.values(identities)).toEqual(call === 'identity' ? [] : ['host-1']);
  });

  it('need not answer where all of its programs are left out, nor for what was begun before', async () => {
    const exempt = consumers.map(({ name }) => ({ consumer: name, reason: 'a test' }));
    expect((await askHost(call, error, dead)(0, { exempt }).found).findings).toEqual([]);
    const begun = askHost(call, error, dead)(0, { targets: consumers });
    expect((await begun.found).findings.length).toBeGreaterThan(0);
  });
});

describe('a program that is not well', () => {
  const looked = (unwell: number, more: object = {}) => {
    let looks = 0;
    const inspect = async (consumer: ConsumerSpec) => {
      if (consumer.name !== 'intake') return seen(consumer);
      return ++looks > unwell
        ? seen(consumer)
        : { ...seen(consumer), state: 'failing', healthy: false, detail: 'answers 500', ...more };
    };
    const { deps } = depsOf({ host: { capabilities: { timing }, identity: async () => 'host-1', inspect }, run: run() });
    const found = preflightHost(deps, { step: stepRef('preflight'), host: 'apps', usedBy: null }, signal());
    return found.then(({ findings }) => ({ reasons: findings.map(({ reason }) => reason), looks }));
  };

  it('for a moment is looked at again', async () => expect(await looked(2)).toEqual({ reasons: [], looks: 3 }));
  it('for longer is a finding', async () => expect((await looked(99)).reasons).toEqual(['unhealthy']));
  it('since it was refused its login is left alone', async () =>
    expect(await looked(99, { authenticationFailed: true })).toEqual({ reasons: ['unhealthy'], looks: 1 }));
});

describe('whoever does not answer', () => {
  it('and asks to come back in an hour is asked once more when patience ends', async () => {
    const ask = askStore('check', new RekeyError('KR_STORE_RATE_LIMITED', '429', 3_600_000));
    await expect(ask(confirm - 5_000).found).rejects.toMatchObject({ code: 'KR_STORE_RATE_LIMITED', retryAfterMs: 5_000 });
  });

  it('is nobody whom a cancelled look has asked', async () => {
    const error = failing('KR_STORE_UNAVAILABLE');
    const gone = AbortSignal.abort();
    const store = { capabilities: { timing }, check: failsFirst(1, error, () => undefined) };
    const { deps, told } = depsOf({ store, run: run(), waitedMs: confirm + 1 });
    await expect(preflightStore(deps, { step: stepRef('preflight') }, gone)).rejects.toBe(error);
    expect(told.waits).toEqual([]);
  });

  it('has not refused anything, but a refusal for good is told at once', async () => {
    const refused = new RekeyError('KR_HOST_REFUSED', 'there is no such file');
    expect((await askHost('inspect', refused)(0).found).findings).toMatchObject([
      { message: expect.stringContaining('no such file') as string },
    ]);
    const unauthorized = new RekeyError('KR_STORE_UNAUTHORIZED', '401');
    expect((await askStore('check', unauthorized)(0).found).findings).toMatchObject([{ reason: 'management-refused' }]);
  });
});

describe('a change of a key', () => {
  const asked = (error: unknown, waitedMs: number, times: number) => {
    const capabilities = { listsKeys: true, disable: true, undoDelete: 'none', names: { maxLength: 99 }, timing };
    const store = { capabilities, describe: keys.describe, check: failsFirst(times, error, keys.check) };
    const options = { without: [], update: { change: { kind: 'undo' }, accepted: false } } as const;
    return depsOf({ store, run: run({ options }), waitedMs });
  };
  it.each([
    ['a 429', limited('KR_STORE_RATE_LIMITED')],
    ['a 500', failing('KR_STORE_UNAVAILABLE')],
    ['silence', hanging()],
  ])('is planned again after %s, and refused once patience is over', async (_, error) => {
    const plan = (waitedMs: number) =>
      planUpdate(asked(error, waitedMs, dead).deps, { step: stepRef('plan-update'), known: null });
    await expect(plan(0)).rejects.toBe(error);
    expect((await plan(confirm)).result.findings).toMatchObject([{ reason: 'unreachable' }]);
  });

  it('is compared again for a person who waits, and for no longer than that person does', async () => {
    const look = (times: number, error: Error) =>
      compareKeys(asked(error, 0, times).deps, { store: 's', credentials: ['c'], changeable: false }, signal());
    expect((await look(2, failing('KR_STORE_UNAVAILABLE')))[0]!.problem).not.toMatch('500');
    expect((await look(dead, new RekeyError('KR_STORE_RATE_LIMITED', '429', 60_000)))[0]!.problem).toMatch('429');
  });
});
