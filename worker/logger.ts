/**
 * Owns what is written to the log: one JSON line per event, by pino; what a failure carries is
 * dropped before it gets there.
 */
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { pino } from 'pino';

/**
 * Fields that may hold what a vendor or a person wrote; the SDK's own log of failed activities
 * carries them whole.
 */
const redacted = [
  'error',
  'err',
  'cause',
  'details',
  'stack',
  'failure',
  '*.error',
  '*.cause',
  '*.details',
  '*.stack',
  '*.secret',
  '*.password',
];

export const log = pino(
  { base: { pid: process.pid }, redact: { paths: redacted, censor: '[redacted]' }, level: process.env.REKEY_LOG_LEVEL ?? 'info' },
  pino.destination({ fd: 2, sync: true }),
);

/**
 * Once per process, before the first connection. Expected failures of activities are part of
 * waiting; the ledger tells them to people.
 */
export function installRuntime(): void {
  Runtime.install({
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      const { error, ...fields } = (meta ?? {}) as { error?: { cause?: { type?: string }; type?: string } };
      const line = { sdk: true, ...pick(fields), errorType: error?.type ?? error?.cause?.type };
      if (level === 'ERROR') log.error(line, firstLine(message));
      else log.warn(line, firstLine(message));
    }),
    shutdownSignals: [],
    telemetryOptions: { logging: { forward: {}, filter: 'WARN' } },
  });
}

const wanted = ['workflowId', 'runId', 'activityType', 'activityId', 'attempt', 'taskQueue', 'workflowType'];

function pick(fields: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => wanted.includes(name)));
}

/** A message that goes on after the first line is a stack or a body. */
function firstLine(message: string): string {
  return message.split('\n', 1)[0]!.slice(0, 200);
}
