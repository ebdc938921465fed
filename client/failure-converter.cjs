/**
 * Owns that messages and stacks of failures go through the codec like everything else. CommonJS,
 * since the SDK loads it by `require`.
 */
const { DefaultFailureConverter } = require('@temporalio/common');

exports.failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
