/**
 * Owns the sandbox's process: `node dist/sandbox/main.js --home DIR [--vendors NAMES] [--pace N]`.
 * Its first output is the ready line; everything else is on standard error.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Sandbox } from './sandbox.js';
import { vendorNames } from './vendors/registry.js';

const USAGE = `Usage: node dist/sandbox/main.js --home DIR [--vendors ${vendorNames.join(',')}] [--pace N] [--idle] [--json]`;

// Whoever started us may be gone, and with it whoever read what we say: the sandbox goes on.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

const { home, vendors, pace, idle, json } = readArguments();
const sandbox = new Sandbox(path.resolve(home), vendors, pace, idle);

let ending = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, async () => {
    if (ending) return;
    ending = true;
    await sandbox.stop();
    process.exit(0);
  });
}

const ready = await sandbox.start();
process.stdout.write(`${JSON.stringify(ready)}\n`);
if (!json) process.stderr.write(`The sandbox is ready. Control: ${ready.control}. Configuration for rekey: ${ready.config}\n`);

function readArguments(): { home: string; vendors: readonly string[]; pace: number; idle: boolean; json: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        home: { type: 'string' },
        vendors: { type: 'string', default: vendorNames.join(',') },
        pace: { type: 'string', default: '1' },
        idle: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
    const vendors = [...new Set(values.vendors.split(','))];
    const unknown = vendors.find((name) => !vendorNames.includes(name));
    const pace = Number(values.pace);
    if (values.home && unknown === undefined && pace >= 1)
      return { home: values.home, vendors, pace, idle: values.idle, json: values.json };
    const named =
      unknown === undefined
        ? '--pace is no number from 1 on'
        : `no vendor is called "${unknown}"; there are ${vendorNames.join(', ')}`;
    process.stderr.write(`${values.home ? named : '--home is missing'}\n${USAGE}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n${USAGE}\n`);
  }
  process.exit(2);
}
