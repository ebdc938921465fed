import { expect, it } from 'vitest';
import { proveDead } from '../../../activities/steps/retire.js';
import { depsOf, stepRef, timing } from './effects.js';

const never = new AbortController().signal;

/** A store that knows of the death at once, or never, and answers as slowly as news spread. */
const provedAt = (accepted: boolean) => {
  const propagation = 50;
  const probe = async () => {
    await new Promise((resolve) => setTimeout(resolve, propagation));
    return { endpoints: [{ endpoint: 'api', accepted }] };
  };
  const { deps } = depsOf({ store: { capabilities: { listsKeys: true, timing: { ...timing, propagation } }, probe } });
  return proveDead(deps, { step: stepRef('prove-dead') }, never);
};

it('a key that is refused all the time is dead, however slow the machine', async () => {
  expect(await provedAt(false)).toBe(true);
});

it('a key that is accepted when it should have spread is not', async () => {
  expect(await provedAt(true)).toBe(false);
});
