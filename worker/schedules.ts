/**
 * Owns the clock of an installation: the Temporal Schedules that start what is due and bring back
 * what runs no more.
 */
import { type Client, ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import { mainQueue, schedules } from '../workflows/contract.js';
import { log } from './logger.js';

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
      await client.schedule.getHandle(id).update(() => ({ ...definition, state: { paused: false } }));
    }
  }
}

/** Makes those again that somebody has deleted, and lets those go on that somebody has paused. */
export async function restoreSchedules(client: Client): Promise<void> {
  for (const { id } of schedules) {
    if (await runs(client, id)) continue;
    log.warn({ schedule: id }, 'a schedule was stopped in Temporal; it goes on');
    return keepSchedules(client);
  }
}

async function runs(client: Client, id: string): Promise<boolean> {
  try {
    return !(await client.schedule.getHandle(id).describe()).state.paused;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return false;
    throw error;
  }
}
