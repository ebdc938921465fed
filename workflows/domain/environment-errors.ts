/**
 * Owns the error codes of where a program runs: what it is told by its environment, what it
 * believes there, whom it may connect to, and what it may do.
 */

const transient = { retryable: true, effect: 'none' } as const;
const permanent = { retryable: false, effect: 'none' } as const;

export const environmentErrorCodes = {
  KR_ENVIRONMENT_INVALID: {
    ...permanent,
    meaning: 'A setting in the environment is unknown, incomplete or not what it may be; nothing was connected to.',
    remedy: 'Correct the variable that is named; docs/cluster.md lists them all.',
  },
  KR_PLAIN_CONNECTION: {
    ...permanent,
    meaning: 'A connection would leave this machine without verified TLS, or without a credential for Temporal; it was not made.',
    remedy: 'Set up what is named, as docs/cluster.md shows, or accept it by name in REKEY_ACCEPT.',
  },
  KR_FILE_NOT_OURS: {
    ...transient,
    meaning:
      'A file or folder that rekey would believe can be written by somebody else than this account and root; it was not read.',
    remedy:
      'Find out who made it; then give it to the account that runs rekey (chown), and to nobody else (chmod go-w), or run as its owner.',
  },
  KR_POWER_WITHHELD: {
    ...transient,
    meaning: 'The configuration asks for something that runs as the worker itself, and this worker was not told that it may.',
    remedy: 'Name the power in REKEY_POWERS of the worker that is to do it, or use the configuration without.',
  },
} as const;
