/** Owns the sandbox's process: `node dist/sandbox/main.js --home DIR`. Its first output is the ready line; everything else is on standard error. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Sandbox } from './sandbox.js';

const USAGE = 'Usage: node dist/sandbox/main.js --home DIR [--json]';

// Whoever started us may be gone, and with it whoever read what we say: the sandbox goes on.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

const { home, json } = readArguments();
const sandbox = new Sandbox(path.resolve(home));

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

function readArguments(): { home: string; json: boolean } {
  try {
    const { values } = parseArgs({ options: { home: { type: 'string' }, json: { type: 'boolean', default: false } } });
    if (values.home) return { home: values.home, json: values.json };
    process.stderr.write(`--home is missing\n${USAGE}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n${USAGE}\n`);
  }
  process.exit(2);
}
