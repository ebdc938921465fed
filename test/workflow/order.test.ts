/** The order of the steps of every sequence, to the letter: nothing is taken away before everyone has what takes its place. */
import { describe, expect, it } from 'vitest';
import { expectOrder, sideBySide } from './fakes/order.js';
import { useStage } from './fakes/stage.js';

const stage = useStage();

describe.concurrent('an overlap rotation', () => {
  it('revokes the old key only when everyone was handed the new one, and confirmed, and the old one is quiet', async () => {
    const world = stage.world();
    expect(await world.run()).toMatchObject({ outcome: 'completed', generation: 2, reason: null });
    expectOrder(world, [
      'openRotation',
      'preflightStore',
      sideBySide('preflightHost east', 'preflightHost west'),
      'freezePlan',
      'mintVersion',
      'proveVersion',
      'handOut wave-1/web-1',
      'confirmConsumer wave-1/web-1',
      sideBySide(
        ['handOut wave-2/web-2', 'confirmConsumer wave-2/web-2'],
        ['handOut wave-2/cron', 'confirmConsumer wave-2/cron'],
      ),
      'cutOver 1',
      'drain 1',
      sideBySide('inspectConsumers east', 'inspectConsumers west'),
      'revokeVersion 1',
      'proveDead',
      'removeStrays',
      'close completed',
    ]);
    expect(world.ledger.states).toEqual({ 1: 'revoked', 2: 'active' });
  });
});
