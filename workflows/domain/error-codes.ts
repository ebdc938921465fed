/**
 * Owns the list of error codes: whether each may be retried, whether it may have taken effect, what
 * an operator does. `docs/errors.md` is held equal to it.
 */

import { environmentErrorCodes } from './environment-errors.js';

/**
 * What may have happened outside: nothing; the change; or we cannot tell, so look before acting
 * again.
 */
export type Effect = 'none' | 'applied' | 'unknown';

interface ErrorClass {
  readonly retryable: boolean;
  readonly effect: Effect;
  readonly meaning: string;
  readonly remedy: string;
}

const transient = { retryable: true, effect: 'none' } as const;
const unclear = { retryable: true, effect: 'unknown' } as const;
const permanent = { retryable: false, effect: 'none' } as const;

export const errorCodes = {
  KR_CONFIG_INVALID: {
    ...permanent,
    meaning: 'The configuration has errors; nothing was changed.',
    remedy: 'Correct the places that are named, then run `rekey config check`.',
  },
  KR_USAGE: {
    ...permanent,
    meaning: 'The command was called in a way that it does not understand.',
    remedy: 'Run the command with `--help`; it shows an example.',
  },
  KR_NOT_FOUND: {
    ...permanent,
    meaning: 'No credential, rotation, store, host or consumer has this name.',
    remedy: 'Run `rekey status` to see the names that exist.',
  },
  KR_ALREADY_OPEN: {
    ...permanent,
    meaning: 'A rotation of this credential is open and asks for something else.',
    remedy: 'Look at it with `rekey show`, then wait for it or abort it.',
  },
  KR_NOT_CALLED_FOR: {
    ...permanent,
    meaning: 'What rekey began by itself is not called for any more: the rotation has ended, or the credential is not due.',
    remedy: 'Nothing: nothing was opened.',
  },
  KR_VERB_ILLEGAL: {
    ...permanent,
    meaning: 'This verb is not legal in the phase that the rotation is in; nothing was recorded.',
    remedy: 'Run `rekey show` on the rotation: it names the legal verbs.',
  },
  KR_PREFLIGHT_REFUSED: {
    ...permanent,
    meaning: 'A check before the first change found something that blocks; nothing was changed.',
    remedy: 'Remove the finding that is named, then rotate again.',
  },
  KR_TARGET_CHANGED: {
    ...permanent,
    meaning: 'A store or host is no longer the one that the rotation was planned for.',
    remedy: 'Put back what leads there (an address, a credential, a machine), then `rekey retry`; or `rekey abort`.',
  },
  KR_SPEC_FROZEN: {
    ...permanent,
    meaning: 'The configuration changes something that an open rotation stands on: its credential, a store or a host.',
    remedy: 'Wait until the rotation has ended, abort it, or correct a consumer with `rekey amend`; then apply again.',
  },
  KR_ASSUMPTION_NOT_ACCEPTED: {
    ...permanent,
    meaning: 'A call that the vendor does not publish would be used and rekey.yaml does not accept it by name.',
    remedy: "Read the connector's README, then list the assumption under `accept:` of the store.",
  },

  KR_FENCED: {
    ...permanent,
    meaning: 'Another run has taken this rotation over; this attempt recorded nothing.',
    remedy: 'Nothing: the newer run goes on.',
  },
  KR_ATTEMPT_LOST: {
    ...unclear,
    meaning: 'Another attempt of the same step has taken over, or has finished.',
    remedy: 'Nothing: the step is repeated and finds the outcome.',
  },
  KR_SOAKING: {
    ...transient,
    meaning: 'The old key is disabled and watched; nobody has missed it so far.',
    remedy: 'Wait, or `rekey expedite` to end the soak now.',
  },
  KR_SETTLING: {
    ...transient,
    meaning: 'An earlier attempt may still land; its settle time is waited out.',
    remedy: 'Nothing: it goes on by itself.',
  },
  KR_TOO_LATE: {
    ...transient,
    meaning: 'The attempt used up its time before it could send; nothing was sent.',
    remedy: 'Nothing: it is repeated.',
  },
  KR_LEASE_HELD: {
    ...transient,
    meaning: 'Another rotation is working on this consumer.',
    remedy: 'Nothing: it waits. `rekey status` shows the other rotation.',
  },
  KR_LEDGER_BEHIND: {
    ...permanent,
    meaning: 'The ledger has lost commits that this rotation has seen.',
    remedy: 'Nothing at first: the rotation puts back what it knows and repeats the rest. Find out how commits could be lost.',
  },
  KR_NAMESPACE_MISSING: {
    ...permanent,
    meaning: 'Temporal does not have the namespace that rekey was told to use.',
    remedy: 'Make it with `temporal operator namespace create -n NAME`, or set TEMPORAL_NAMESPACE to one that is there.',
  },
  KR_LEDGER_UNAVAILABLE: {
    ...unclear,
    meaning: 'PostgreSQL does not answer.',
    remedy: 'Start it again; rotations wait and go on.',
  },
  KR_SCHEMA_NEWER: {
    ...permanent,
    meaning: 'The database was migrated by a newer release.',
    remedy: 'Run that release, or a newer one.',
  },
  KR_SCHEMA_OLDER: { ...permanent, meaning: 'The database lacks migrations of this release.', remedy: 'Run `rekey migrate`.' },
  KR_AUDIT_BROKEN: {
    ...permanent,
    meaning: 'The audit chain does not hold: an event was changed, removed or inserted, or is not the one whose head was signed.',
    remedy:
      'Compare with a backup and with the signed heads in the log. If the ledger was set back on purpose, put the file of heads aside.',
  },

  KR_GUARD_STALE: {
    ...permanent,
    meaning: 'The observations that allow this effect are too old; nothing was sent.',
    remedy: 'Nothing: the rotation looks again.',
  },
  KR_NOT_NOW: {
    ...permanent,
    meaning: 'What a step had waited for does not hold any more: a pause, a closed window, another plan. Nothing was sent.',
    remedy: 'Nothing: the rotation waits for it again. `rekey show` says for what.',
  },
  KR_LOOK_AGAIN: {
    retryable: false,
    effect: 'unknown',
    meaning: 'A regenerate may have been sent, and the programs were looked at too long ago to send it again.',
    remedy: 'Nothing: the rotation looks again and repeats the step.',
  },
  KR_GUARD_REFUSED: {
    ...permanent,
    meaning: 'The guard of a step that takes something away said no; nothing was sent.',
    remedy: 'See the reason; the rotation goes back.',
  },
  KR_CONSUMER_BEHIND: {
    ...permanent,
    meaning: 'A consumer is not proved to be on the version that stays, or would start with another; nothing was taken away.',
    remedy: 'Nothing at first: the consumer is asked again, then handed the version again. See `rekey show`.',
  },
  KR_NOT_DONE: {
    ...permanent,
    meaning: 'A person was asked to do something at a store or in a program, and says that it will not be done.',
    remedy: 'Nothing: the rotation goes back.',
  },
  KR_BEYOND_RETURN: {
    retryable: false,
    effect: 'unknown',
    meaning: 'A revoke or regenerate may have been sent: there is no way back any more.',
    remedy: 'Stop what the message names, if anything; then `rekey retry`: the step is repeated.',
  },
  KR_COMPROMISED: {
    ...permanent,
    meaning: 'A key that has leaked is handed out no more, in no way back and by no restore; nothing was sent.',
    remedy: 'Nothing can bring it back. `rekey incident show` says what is done about it; else rotate the credential.',
  },
  KR_NOT_PROVED: {
    ...permanent,
    meaning: 'The new key was not accepted everywhere in the time that the store needs to spread it.',
    remedy: 'Look at the store; the rotation is compensated.',
  },
  KR_NOT_YET_PROVED: {
    ...transient,
    meaning: 'The new key is not yet accepted everywhere.',
    remedy: 'Nothing: it is asked again.',
  },
  KR_RIGHTS_DIFFER: {
    ...permanent,
    meaning: 'The new key does not have the same rights as the old one.',
    remedy: 'Compare both in the store; the rotation is compensated.',
  },
  KR_KEY_CHANGED: {
    ...permanent,
    meaning: 'The key is not as it was when its change was planned: somebody else changed it. This attempt sent nothing.',
    remedy: 'Look at it with `rekey attributes show`, then say the change again.',
  },
  KR_KEY_GONE: {
    ...permanent,
    meaning: 'A key that the rotation works with was deleted at the store by somebody else. This attempt sent nothing.',
    remedy: 'Read what the rotation waits for: `rekey status` names the command that brings it further.',
  },
  KR_NOT_YET_HELD: {
    ...transient,
    meaning: 'The store does not yet show the key as it is to be.',
    remedy: 'Nothing: it is looked at again, and changed again if need be.',
  },
  KR_NOT_HELD: {
    retryable: false,
    effect: 'unknown',
    meaning: 'The store took the change of a key, several times, and did not keep it.',
    remedy: 'Find who else changes the key; it is put back as it was.',
  },
  KR_NOT_CONFIRMED: {
    ...permanent,
    meaning: 'A consumer did not take the version that it was handed in time.',
    remedy: 'Look at the consumer; the rotation is compensated.',
  },
  KR_NOT_YET_CONFIRMED: {
    ...transient,
    meaning: 'A consumer does not yet prove that it uses the version that it was handed.',
    remedy: 'Nothing: it is asked again.',
  },
  KR_STILL_USED: {
    ...transient,
    meaning: 'The old key is not yet quiet.',
    remedy: 'Find who still uses it; `rekey show` has the readings.',
  },
  KR_STILL_RUNNING: { ...transient, meaning: 'An instance of a consumer still runs.', remedy: 'Nothing: it is asked again.' },
  KR_PROVIDED_REFUSED: {
    ...permanent,
    meaning: 'What a person says to have done does not hold; nothing was recorded, and it is still waited for.',
    remedy: 'Look at the reason and at the instructions of `rekey show`, then say `rekey provide` again.',
  },
  KR_APP_REFUSED: {
    ...permanent,
    meaning: 'A deployed app reports an authentication failure; it was undeployed at once.',
    remedy: 'Look at the app, then `rekey retry`, or `rekey exempt` it.',
  },
  KR_STATE_UNCLEAR: {
    ...permanent,
    meaning: 'What happened cannot be told, and the next step could destroy something.',
    remedy: 'A person looks, then `rekey retry` or `rekey abort`.',
  },

  KR_STORE_UNAVAILABLE: {
    ...transient,
    meaning: 'The key store cannot be reached, or asks to come back later.',
    remedy: 'Nothing if it comes back; else check address and network.',
  },
  KR_STORE_UNCLEAR: {
    ...unclear,
    meaning: 'The key store did not answer clearly; the change may have happened.',
    remedy: 'Nothing: rekey looks before it acts again.',
  },
  KR_STORE_RATE_LIMITED: {
    ...transient,
    meaning: 'The key store limits the rate of requests.',
    remedy: 'Nothing: its Retry-After is kept.',
  },
  KR_STORE_REFUSED: {
    ...permanent,
    meaning: 'The key store refused the request for good.',
    remedy: 'Read the reason; most often a right or a limit.',
  },
  KR_STORE_UNAUTHORIZED: {
    ...permanent,
    meaning: 'The management credential was refused.',
    remedy: 'Replace the management credential, then `rekey retry`.',
  },
  KR_HOST_UNAVAILABLE: {
    ...transient,
    meaning: 'The app host cannot be reached.',
    remedy: 'Nothing if it comes back; else check the host.',
  },
  KR_HOST_UNCLEAR: {
    ...unclear,
    meaning: 'The app host did not answer clearly; the change may have happened.',
    remedy: 'Nothing: rekey looks before it acts again.',
  },
  KR_HOST_REFUSED: {
    ...permanent,
    meaning: 'The app host refused the request for good.',
    remedy: 'Read the reason, mend the consumer, then `rekey retry`.',
  },
  KR_HOST_FENCED: {
    ...permanent,
    meaning: 'The app host has already seen a newer hand-out.',
    remedy: 'Nothing: the newer attempt goes on.',
  },
  KR_SOURCE_CHANGING: {
    ...transient,
    meaning: 'Something else keeps writing the file that rekey writes.',
    remedy: 'Tell the configuration management about the new key, or exempt the consumer.',
  },
  KR_REFERENCE_UNRESOLVED: {
    ...transient,
    meaning: 'A reference to a secret (`env:`, `file:`, `exec:`) cannot be resolved on this worker.',
    remedy: 'Make it available where the worker runs.',
  },
  KR_MODULE_UNAVAILABLE: {
    ...transient,
    meaning: "The module of a third party's connector cannot be loaded on this worker, or is not one that fits this release.",
    remedy: 'Put it where the worker runs; if it was there but broken, mend it and start the worker anew. The step is repeated.',
  },
  KR_WEAK_SECRET: {
    ...permanent,
    meaning: 'The secret has less than 128 random bits.',
    remedy: 'Have the store make a longer one.',
  },
  KR_VAULT_KEY_MISSING: {
    ...transient,
    meaning: 'The master key that a secret was wrapped with is not on this worker.',
    remedy: 'Put the key file back in the keys folder.',
  },
  KR_LEAKS_UNREADABLE: {
    ...permanent,
    meaning: 'A report of leaked values cannot be read. Nothing of it was kept, and nothing was begun.',
    remedy: 'Give it whole, in parts of at most 64 MiB: a report of gitleaks, trufflehog or GitHub as JSON, or one value a line.',
  },
  ...environmentErrorCodes,
  KR_SERVICE_AWAY: {
    ...transient,
    meaning: 'PostgreSQL or Temporal cannot be reached from here.',
    remedy: 'Start `rekey up`, or check DATABASE_URL and TEMPORAL_ADDRESS.',
  },
  KR_MESSAGE_REFUSED: {
    ...permanent,
    meaning:
      'A message proves nothing: its sender has not the keys of this installation, or it was sent before. Nothing was done.',
    remedy: 'Check REKEY_KEYS, and find out who else reaches Temporal; then ask again.',
  },
  KR_INTERNAL: {
    ...permanent,
    meaning: 'Something happened that rekey does not expect.',
    remedy: 'Report it with the output of `rekey show`.',
  },
} as const satisfies Record<string, ErrorClass>;
