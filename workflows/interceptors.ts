/**
 * Owns what a workflow takes for a message: a start, an update or a query is opened before anything
 * of ours sees it, and what is none ends there. What goes back is enclosed for whoever asked.
 */
import {
  ActivityFailure,
  ApplicationFailure,
  type WorkflowInboundCallsInterceptor,
  type WorkflowInterceptors,
  workflowInfo,
} from '@temporalio/workflow';
import { firedBySchedule } from './contract.js';
import { type Envelope, enclose, type MessageKind, open, proofOf } from './domain/envelope.js';
import { codeOf } from './failures.js';

export const interceptors = (): WorkflowInterceptors => ({ inbound: [inbound] });

const inbound: WorkflowInboundCallsInterceptor = {
  async execute(input, next) {
    const of = workflowInfo().workflowType;
    // They take nothing and answer nothing, so that it does no harm whoever starts them.
    if (firedBySchedule.includes(of)) {
      await next({ ...input, args: [] });
      return undefined;
    }
    const start = opened('start', of, input.args);
    return answer(start, () => next({ ...input, args: bodyOf(start) }));
  },

  // A handler sees no update that was not opened here: the two are called one after the other.
  validateUpdate(input, next) {
    const update = opened('update', input.name, input.args, input.updateId);
    try {
      next({ ...input, args: bodyOf(update) });
    } catch (error) {
      throw sealed(update, error);
    }
  },

  async handleUpdate(input, next) {
    const update = opened('update', input.name, input.args, input.updateId);
    return answer(update, () => next({ ...input, args: bodyOf(update) }));
  },

  async handleQuery(input, next) {
    // Temporal's own tell what its web page shows; they pass through the codec like all others.
    if (input.queryName.startsWith('__')) return next(input);
    const query = opened('query', input.queryName, input.args);
    return answer(query, () => next({ ...input, args: bodyOf(query) }));
  },
};

function opened(kind: MessageKind, of: string, args: readonly unknown[], nonce?: string): Envelope {
  const envelope = args.length === 1 ? open({ kind, of, ...(nonce === undefined ? {} : { nonce }) }, args[0]) : null;
  if (!envelope) throw ApplicationFailure.nonRetryable(`a ${kind} of ${of} that is none of ours`, 'KR_MESSAGE_REFUSED');
  return envelope;
}

const bodyOf = ({ body }: Envelope): unknown[] => (Array.isArray(body) ? (body as unknown[]) : []);

async function answer({ of, nonce }: Envelope, work: () => Promise<unknown>): Promise<Envelope> {
  try {
    return enclose('answer', of, nonce, await work());
  } catch (error) {
    throw sealed({ of, nonce }, error);
  }
}

/**
 * A failure as whoever asked will believe it. A fault of this code is left alone: Temporal tries it
 * again.
 */
function sealed(request: Pick<Envelope, 'of' | 'nonce'>, error: unknown): unknown {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const code = codeOf(cause);
  if (!(cause instanceof ApplicationFailure) || code === null) return error;
  const { message } = cause;
  const details = [proofOf(request, { code, message })];
  return ApplicationFailure.create({ message, type: code, nonRetryable: true, details });
}
