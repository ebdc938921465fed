/** Owns the schema type of a duration in rekey.yaml: text outside, milliseconds inside. */
import { z } from 'zod';
import { parseDuration } from '../../workflows/domain/duration.js';

/** "90d", "1h30m", "500ms" → milliseconds. */
export const duration = z
  .string({ error: 'expected a duration such as "500ms", "5m", "1h30m" or "90d"' })
  .transform((text, context) => {
    try {
      return parseDuration(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof RangeError ? error.message : String(error) });
      return z.NEVER;
    }
  });
