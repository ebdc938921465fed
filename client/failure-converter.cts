/** Owns that messages and stacks of failures go through the codec like everything else. CommonJS, since the SDK loads it by `require`. */
import { DefaultFailureConverter } from '@temporalio/common';

export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
