/** Owns who asks in tests. */
import type { Who } from '../../workflows/domain/who.js';

export const tester: Who = { kind: 'person', name: 'test', proof: 'none', channel: 'command-line' };
