/**
 * What a program that we start is told of our environment: what stands on the list, and what it
 * is given.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { childEnvironment, ownEnvironment, runProgram, runProgramSync } from '../../../activities/ports/child.js';

beforeEach(() => {
  process.env.REKEY_TEST_SECRET = 'planted';
});
afterEach(() => {
  delete process.env.REKEY_TEST_SECRET;
});

describe('a child', () => {
  it('that is not ours is told what stands on the list, what is named, and what is its own', () => {
    expect(childEnvironment()).not.toHaveProperty('REKEY_TEST_SECRET');
    expect(childEnvironment()).toHaveProperty('PATH');
    expect(childEnvironment({ OWN: '1' }, ['REKEY_TEST_SECRET', 'NOT_SET_ANYWHERE'])).toMatchObject({
      OWN: '1',
      REKEY_TEST_SECRET: 'planted',
    });
    expect(childEnvironment({}, ['NOT_SET_ANYWHERE'])).not.toHaveProperty('NOT_SET_ANYWHERE');
  });

  it('that goes on in our place is told all but what it must not hear', () => {
    expect(ownEnvironment({ OWN: '1' })).toMatchObject({ OWN: '1', REKEY_TEST_SECRET: 'planted' });
    expect(ownEnvironment({}, (name) => name.startsWith('REKEY_'))).not.toHaveProperty('REKEY_TEST_SECRET');
  });

  it('runs with that and nothing else', async () => {
    const env = childEnvironment({ OWN: '1' });
    for (const { stdout } of [await runProgram('env', [], { env }), runProgramSync('env', [], { env })]) {
      expect(stdout).toContain('OWN=1');
      expect(stdout).not.toContain('planted');
    }
  });
});
