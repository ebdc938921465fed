import { execFileSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { clocks, endingAfter, within } from '../../../activities/ports/deadline.js';

const ended = (signal: AbortSignal) =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason), { once: true }));

describe('a deadline', () => {
  it('ends the signal in time, as a timeout', async () => {
    expect(await ended(within(new AbortController().signal, 20))).toMatchObject({ name: 'TimeoutError' });
  });

  it('ends with the signal that it bounds, for the same reason', async () => {
    const outer = new AbortController();
    const reason = new Error('cancelled');
    const seen = ended(within(outer.signal, 60_000));
    outer.abort(reason);
    expect(await seen).toBe(reason);
    expect(within(outer.signal, 60_000).reason).toBe(reason);
  });

  it('costs the signal one listener, however many hang on it, and none once they are over', async () => {
    const { signal } = new AbortController();
    const listeners = () => getEventListeners(signal, 'abort').length;
    const looks = Array.from({ length: 30 }, (_, look) => within(signal, 10 + look));
    expect(listeners()).toBe(1);
    await Promise.all(looks.map(ended));
    expect(listeners()).toBe(0);
  });

  it('ends all that hang on one signal, and leaves nothing on it', () => {
    const outer = new AbortController();
    const looks = Array.from({ length: 30 }, () => within(within(outer.signal, 60_000), 60_000));
    outer.abort(new Error('cancelled'));
    expect(looks.every((look) => look.reason === outer.signal.reason)).toBe(true);
    expect(getEventListeners(outer.signal, 'abort')).toEqual([]);
  });

  it('is over for what is begun after the machine was suspended, before any timer knows', () => {
    const attempt = endingAfter(60_000);
    const call = within(attempt, 30_000);
    const wall = vi.spyOn(clocks, 'wall').mockImplementation(() => Date.now() + 31_000);
    expect([attempt.aborted, call.aborted]).toEqual([false, false]);
    expect([within(call, 10_000).reason, within(attempt, 10_000).aborted]).toMatchObject([{ name: 'TimeoutError' }, false]);
    wall.mockRestore();
  });

  it('comes although memory is cleaned up meanwhile', () => {
    const module = path.resolve(import.meta.dirname, '../../../dist/activities/ports/deadline.js');
    const script = `
      import { within } from ${JSON.stringify(module)};
      let ended = 0;
      for (let i = 0; i < 50; i++) within(within(new AbortController().signal, 100), 5000).addEventListener('abort', () => ended++, { once: true });
      const collecting = setInterval(gc, 5);
      setTimeout(() => { clearInterval(collecting); console.log(ended); }, 400);`;
    const flags = ['--expose-gc', '--input-type=module', '--eval', script];
    expect(execFileSync(process.execPath, flags, { encoding: 'utf8' }).trim()).toBe('50');
  });
});
