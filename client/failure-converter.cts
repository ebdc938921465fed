/** Owns that messages and stacks of failures go through the codec like everything else. CommonJS, since the SDK loads it by `require`. */
import common = require('@temporalio/common');

export = { failureConverter: new common.DefaultFailureConverter({ encodeCommonAttributes: true }) };
