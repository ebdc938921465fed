import { describe, expect, it } from 'vitest';
import { machineConsumer } from '../../../activities/connectors/machines/consumer.js';

describe('a consumer on a machine', () => {
  const place = { file: '/a', format: 'yaml', at: 'a' };
  const agent = { process: { name: 'agent' } };
  const parse = (entry: object) => machineConsumer.safeParse(entry);

  it.each([
    [{ file: 'relative.yaml', format: 'yaml', at: 'a' }],
    [{ file: '/a', format: 'toml', at: 'a' }],
    [{ file: '/a', format: 'yaml' }],
    [{ file: '/a', format: 'whole', at: 'a' }],
    [{ ...place, confirm: { last4: 'a', fingerprint: 'b' } }],
    [{ ...place, confirm: { http: 'ftp://here/', shows: 'last4' } }],
    [{ ...place, confirm: { http: 'http://here/' } }],
    [{ ...place, process: { name: '/bin/agent' } }],
    [{ ...place, process: { name: 'a', pidFile: '/b' } }],
    [{ ...place, signal: 'TERM' }],
    [{ ...place, ...agent, signal: 'KILL' }],
    [{ ...place, ...agent, signal: 'TERM', apply: 'true' }],
    // A program that is not started anew cannot prove anything by its start.
    [{ ...place, ...agent, signal: 'HUP' }],
    [{ ...place, ...agent, signal: 'HUP', confirm: { started: 'a' } }],
    [{ ...place, colour: 'red' }],
  ])('refuses %j', (entry) => {
    expect(parse(entry).success).toBe(false);
  });

  it.each([
    [{ file: '/a', format: 'whole' }],
    [{ ...place, ...agent, signal: 'TERM' }],
    [{ ...place, process: { unit: 'agent@1.service' }, signal: 'HUP', confirm: { last4: 'a' } }],
    [{ ...place, confirm: { http: 'http://127.0.0.1:1/status', shows: 'fingerprint' } }],
    [{ ...place, confirm: { started: 'a' } }],
  ])('takes %j, and leaves it as it is', (entry) => {
    expect(parse(entry).data).toEqual(entry);
  });
});
