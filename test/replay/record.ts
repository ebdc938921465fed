/**
 * Owns the recording of histories that later releases must still replay: run `npm run record` when
 * a release changed a workflow on purpose.
 */

import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Payload } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { afterAll, beforeAll, inject, it } from 'vitest';
import { EncryptionCodec } from '../../client/codec.js';
import { startWorkflow } from '../../client/messages.js';
import { mainQueue, rotationWorkflowId, workflowOf } from '../../workflows/contract.js';
import { Lane, sleep } from '../support/lane.js';
import { say } from '../support/moments.js';
import { tester } from '../support/who.js';
import { workflowIn } from '../support/workflow.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(['datadog', 'soar', 'docspace']);
  await lane.fresh();
});
afterAll(() => lane?.stop());

/** Machines differ; what a history says of this one is put into neutral words. */
const root = path.resolve(import.meta.dirname, '../..');
const folder = path.resolve(import.meta.dirname, 'histories');

/**
 * Payloads are kept decoded: they hold references only, and the key that encrypted them ends with
 * this run.
 */
async function record(credential: string, name: string): Promise<void> {
  const history = await (await workflowIn(lane, credential)).fetchHistory();
  const codec = new EncryptionCodec(inject('servers').keys);
  const decode = async (value: unknown): Promise<void> => {
    if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return;
    const payload = value as Payload;
    if (payload.metadata?.encoding && payload.data) {
      // What the server and the SDK write for themselves is not sealed, and no message to anybody.
      const isSealed = Buffer.from(payload.metadata.encoding).toString() === 'binary/rekey-v1';
      const [plain] = isSealed ? await codec.decode([payload]) : [payload];
      const text = Buffer.from(plain!.data!)
        .toString('utf8')
        .replaceAll(root, '/opt/rekey')
        .replaceAll(lane.folder, '/srv/lane')
        .replaceAll(process.execPath, '/usr/bin/node');
      Object.assign(payload, { ...plain, data: Buffer.from(text) });
      return;
    }
    if ('identity' in value) Object.assign(value, { identity: 'worker' });
    for (const inner of Object.values(value)) await decode(inner);
  };
  await decode(history);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    path.join(folder, `${name}.json`),
    `${JSON.stringify(JSON.parse(historyToJSON(history)), null, 1).replaceAll(os.hostname(), 'machine')}\n`,
  );
}

it('records an overlap rotation that completes', async () => {
  await (await lane.rotate('datadog/agents')).result();
  await record('datadog/agents', 'overlap-completed');
});

it('records an in-place rotation that completes', async () => {
  await (await lane.rotate('soar/enrichment')).result();
  await record('soar/enrichment', 'in-place-completed');
});

it('records an overlap rotation that is aborted and compensated', async () => {
  const handle = await lane.rotate('datadog/agents');
  await lane.until(
    'the canary',
    async () =>
      (
        await lane.database.query(
          `select 1 from steps where run = 'datadog/agents#3' and kind = 'distribute' and outcome is not null`,
        )
      ).rowCount,
  );
  await sleep(200);
  await say(lane, 'datadog/agents', 'abort');
  await handle.result();
  await record('datadog/agents', 'overlap-compensated');
});

it('records a change of a key that keeps its secret', async () => {
  const attributes = { permissions: ['files:write', 'rooms:read'] };
  const change = { kind: 'set', name: null, active: null, attributes, resetUnspecified: false } as const;
  const credential = 'docspace/exports';
  const order = { id: randomUUID(), credential, options: { without: [], update: { change, accepted: false } }, by: tester };
  const place = { workflowId: rotationWorkflowId(credential), taskQueue: mainQueue };
  const handle = await startWorkflow(lane.client, workflowOf.update, order, place);
  await handle.result();
  await record(credential, 'update-completed');
});
