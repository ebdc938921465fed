/**
 * Owns the bare engine that rotations are measured against: a workflow of so many empty activities,
 * one after the other.
 */
import { proxyActivities } from '@temporalio/workflow';

const { nothing } = proxyActivities<{ nothing(): Promise<void> }>({ startToCloseTimeout: '1 minute' });

export async function bare(activities: number): Promise<void> {
  for (let i = 0; i < activities; i++) await nothing();
}
