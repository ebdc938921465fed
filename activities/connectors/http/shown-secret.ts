/** Owns the schema type of a secret in an answer: text on the wire, a `Secret` once it is read. */
import { z } from 'zod';
import { Secret } from '../../ports/secret.js';

export const shownSecret = z
  .string()
  .min(1)
  .transform((text) => new Secret(text));
