import { describe, expect, it } from 'vitest';
import { instancesByEnding, instancesByFingerprint } from '../../../activities/connectors/machines/shown.js';
import { Secret } from '../../../activities/ports/secret.js';

const one = { generation: 1, keyId: 'a', secret: new Secret('aaaabbbbccccddddeeeeffff00001111') };
const two = { generation: 2, keyId: 'b', secret: new Secret('f1e2d3c4b5a6978877665544332211ff') };
const gone = { generation: 3, keyId: 'c', secret: null };

describe('what an agent shows of its key', () => {
  it.each([
    ['the status page', '  API key ending with: 01111\n', '#1', 1],
    ['the status page with the verdict behind it', '    API key ending with 211ff: API Key valid\n', '#1', 2],
    ['JSON', '{"APIKeyStatus":{"API key ending with 211ff":"API Key valid"}}', '#1', 2],
    ['a masked key', 'API Key ending with ***************************211ff\n', '#1', 2],
    ['a process id above it', 'Agent (v7.50)\n  Pid: 4711\n  API key ending with: 1111\n', '4711', 1],
    ['fewer than four characters, which prove nothing', 'API key ending with: 111', '#1', null],
    ['a key that is none of ours', 'API key ending with: 2222', '#1', null],
  ])('%s', (_, output, id, generation) => {
    expect(instancesByEnding(output, [one, two, gone])).toEqual([
      { id, generation, evidence: generation === null ? 'none' : 'uses' },
    ]);
  });

  it('counts each time that a key is shown, under names of their own', () => {
    const output = 'pid 7\nAPI key ending with: 1111\npid 7\nAPI key ending with: 11ff\nAPI key ending with: 11ff\n';
    expect(instancesByEnding(output, [one, two]).map(({ id, generation }) => [id, generation])).toEqual([
      ['7', 1],
      ['#2', 2],
      ['#3', 2],
    ]);
  });

  it('tells nothing when two versions end alike', () => {
    const twin = { generation: 2, keyId: 'd', secret: new Secret('0123456789abcdef0123456700001111') };
    expect(instancesByEnding('API key ending with: 1111', [one, twin])).toMatchObject([{ generation: null, evidence: 'none' }]);
  });

  it('by fingerprint', () => {
    const output = `worker 1 (pid 9): fingerprint ${two.secret.fingerprint}\nworker 2: fingerprint: ${'a'.repeat(12)}\n`;
    expect(instancesByFingerprint(output, [one, two, gone])).toEqual([
      { id: '9', generation: 2, evidence: 'uses' },
      { id: '#2', generation: null, evidence: 'none' },
    ]);
  });

  it('shows no instance where there is none', () => {
    expect(instancesByEnding('Agent is starting', [one])).toEqual([]);
  });
});
