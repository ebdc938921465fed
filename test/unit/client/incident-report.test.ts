import { describe, expect, it } from 'vitest';
import { pageOf } from '../../../client/commands/incident-report.js';
import type { StepShown } from '../../../client/ledger/views.js';
import { type IncidentRecord, withoutKey } from '../../../client/operations/report-incident.js';
import { tester } from '../../support/who.js';

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
const step = (key: string, ended: number | null, subject: string | null = null): StepShown => ({
  key,
  kind: key.split('/')[0]!,
  phase: 'containing',
  subject,
  done: ended !== null,
  attempts: '1',
  began_at: at(0),
  ended_at: ended === null ? null : at(ended),
});

describe('who was without a key', () => {
  it('is everybody who was handed the next one after the leaked one died', () => {
    const steps = [
      step('contain/1', 10),
      step('distribute/incident-1/web', 12, 'web'),
      step('distribute/incident-1/cron', null, 'cron'),
      step('distribute/wave-1/early', 9, 'early'),
    ];
    expect(withoutKey(1, steps)).toEqual([
      { consumer: 'cron', since: at(10), until: null },
      { consumer: 'web', since: at(10), until: at(12) },
    ]);
  });

  it('is nobody where it died once everybody was on another one, or was not killed yet', () => {
    const handed = step('distribute/incident-1/web', 12, 'web');
    expect(withoutKey(1, [handed, step('revoke/leaked-1', 14)])).toEqual([]);
    expect(withoutKey(1, [step('contain/1', null), handed])).toEqual([]);
  });

  it('is whoever is behind at the moment that was set, until the last hand-out', () => {
    const steps = [
      step('distribute/incident-1/web', 5, 'web'),
      step('revoke/due-1', 10),
      step('distribute/incident-1-2/web', 30, 'web'),
    ];
    expect(withoutKey(1, steps)).toEqual([{ consumer: 'web', since: at(10), until: at(30) }]);
  });
});

it('a page shows what people wrote, and runs none of it', () => {
  const incident: IncidentRecord['incident'] = {
    id: 'incident-1',
    number: 1,
    way: 'contain',
    reason: '<script>alert("x")</script>',
    revoke_by: null,
    state: 'closed',
    found: { unknownValues: 0, notComparable: 0 },
    opened_by: tester,
    opened_at: at(0),
    closed_at: at(40),
    selected: 1,
    done: 1,
    failed: 0,
    already_dead: 0,
    age: 60_000,
    waiting: 0,
  };
  const key: IncidentRecord['keys'][number] = {
    credential: 'a/<b>',
    generation: 1,
    state: 'revoked',
    leaked_at: null,
    reported_at: at(0),
    replaced_at: at(12),
    dead_at: at(11),
    late: [],
    outcome: 'done',
    reason: null,
    run: 'a/<b>#2',
    open_run: null,
    waits_for: null,
    programs: 0,
    revoked_ms: '11000',
    without: [{ consumer: 'web', since: at(10), until: at(12) }],
  };
  const record: IncidentRecord = { incident, keys: [key], decisions: [] };
  const page = pageOf(record);
  expect(page).not.toMatch(/<script|<b>/);
  expect(page).toContain('&#60;script&#62;');
  expect(page).toContain('<td>web</td><td>a/&#60;b&#62;</td><td>2026-01-01T00:00:10Z</td><td>2s</td>');
});
