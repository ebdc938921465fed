/**
 * Owns the clock of an installation: the Temporal Schedules that start what is due and bring back
 * what runs no more.
 */
import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { mainQueue, schedules } from '../workflows/contract.js';

/**
 * Idempotent, so that every worker can say it at its start; a later release changes the schedule
 * that it finds.
 */
export async function keepSchedules(client: Client): Promise<void> {
  for (const { id, workflow, every } of schedules) {
    const definition = {
      spec: { intervals: [{ every }] },
      action: { type: 'startWorkflow' as const, workflowType: workflow, workflowId: id, taskQueue: mainQueue },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
    };
    try {
      await client.schedule.create({ scheduleId: id, ...definition });
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      await client.schedule.getHandle(id).update(({ state }) => ({ ...definition, state }));
    }
  }
}
