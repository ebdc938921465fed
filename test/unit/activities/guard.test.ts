/** A regenerate is allowed by looks that are fresh, and a look that is too old is no refusal. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ObservationDeps } from '../../../activities/deps.js';
import { requireMayRegenerate } from '../../../activities/steps/regenerate.js';
import type { RunRecord } from '../../../workflows/domain/records.js';

describe('a regenerate behind looks that are too old', () => {
  const asked = (sent: 'nothing' | 'perhaps', seen: object) => {
    const consumer = { name: 'enrichment', host: 'apps' };
    const deps = { ledger: { inspections: async () => [{ consumer: 'enrichment', ...seen }] } } as unknown as ObservationDeps;
    const rotation = { id: 'c#2', targets: [consumer], exempt: [] } as unknown as RunRecord;
    return requireMayRegenerate(deps, rotation, sent)
      .then(({ requireFresh }) => {
        beforeSending();
        requireFresh();
        return 'allowed';
      })
      .catch((error: { code: string }) => error.code);
  };
  let beforeSending = () => undefined as unknown;
  afterEach(() => {
    beforeSending = () => undefined;
    vi.restoreAllMocks();
  });
  const stopped = { state: 'stopped', instances: [] };

  it('has them looked at again, and asks nobody, whether one may have been sent or not', async () => {
    const old = { ...stopped, ageMs: 10 * 60_000 };
    expect([await asked('nothing', old), await asked('perhaps', old)]).toEqual(['KR_GUARD_STALE', 'KR_LOOK_AGAIN']);
    expect(await asked('perhaps', { ...stopped, ageMs: 1_000 })).toBe('allowed');
  });

  it('is not sent once they are too old by the time of sending', async () => {
    beforeSending = () => {
      const later = Date.now() + 15_000;
      return vi.spyOn(Date, 'now').mockImplementation(() => later);
    };
    const seen = (ageMs: number) => ({ ...stopped, ageMs });
    expect([await asked('nothing', seen(16_000)), await asked('perhaps', seen(16_000))]).toEqual([
      'KR_GUARD_STALE',
      'KR_LOOK_AGAIN',
    ]);
    vi.restoreAllMocks();
    expect(await asked('nothing', seen(14_000))).toBe('allowed');
  });

  it('is for a person where one may have been sent and a program runs', async () => {
    const running = { state: 'running', instances: [{ id: '1', generation: 1, evidence: 'uses' }], ageMs: 1_000 };
    expect([await asked('nothing', running), await asked('perhaps', running)]).toEqual(['KR_GUARD_REFUSED', 'KR_BEYOND_RETURN']);
  });
});
