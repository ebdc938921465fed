/**
 * Owns that messages and stacks of failures go through the codec like everything else, and that a
 * failure which is none stops nobody. CommonJS, since the SDK loads it by `require`.
 */
const { ApplicationFailure, DefaultFailureConverter } = require('@temporalio/common');

class FailureConverter extends DefaultFailureConverter {
  /** Whoever reaches Temporal may send any; an error here would stop its reader for ever. */
  failureToError(...args) {
    try {
      return super.failureToError(...args);
    } catch {
      return ApplicationFailure.nonRetryable('a failure that is none of ours', 'KR_MESSAGE_REFUSED');
    }
  }
}

exports.failureConverter = new FailureConverter({ encodeCommonAttributes: true });
