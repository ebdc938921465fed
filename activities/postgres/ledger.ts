/**
 * Owns the ledger in PostgreSQL: which statement answers each method of the port, in a transaction
 * of its own.
 */
import type { Ledger } from '../ports/ledger.js';
import { answered, ask, declined, openAsks } from './asked.js';
import { readDue, readOpen } from './calendar.js';
import { adopt, readConfiguration, readConfigurationHash, readCredential, saveConfiguration } from './configurations.js';
import { mayHaveSent, readSeenBefore, readSubjects, readTags, readUnsettled } from './intents.js';
import { raiseLease, releaseLease, releaseLeases, takeLease } from './leases.js';
import { recordNote, showWait } from './notes.js';
import { readInspections, recordInspections, recordReading } from './observations.js';
import { once, requireFence, showStep, tagFamily } from './once.js';
import type { Database, Queryable } from './pool.js';
import { reconcile } from './reconcile.js';
import { closeRotation, openRotation, readRotation, readVersions } from './rotations.js';
import { readLastUpdate } from './updates.js';

export async function openLedger(database: Database): Promise<Ledger> {
  const { rows } = await database.query<{ id: string }>('select id from ledger');
  const id = rows[0]!.id;
  const within = <Result>(work: (client: Queryable) => Promise<Result>) => database.transaction(work);

  return {
    id,

    open: (request) => within((client) => openRotation(client, request)),
    reconcile: (remembered) => within((client) => reconcile(client, remembered)),
    rotation: (rotation) => readRotation(database, rotation),
    versions: (credential) => readVersions(database, credential),
    enter: (step, wait) =>
      within(async (client) => {
        await requireFence(client, step);
        await (wait ? showWait(client, step, wait) : showStep(client, step));
      }),
    note: (step, note) => within((client) => recordNote(client, step, note)),
    close: (step, outcome, reason, downtimeMs) => within((client) => closeRotation(client, step, outcome, reason, downtimeMs)),
    due: () => readDue(database),
    openRotations: () => readOpen(database),

    once: (step, options, body) => once(database, id, step, options, body),
    isAsked: async (step) => (await openAsks(database, step.rotation)).some(({ key }) => key === step.key),
    ask: (step, before) => ask(database, id, step, before),
    answered: (step, attempt, result, changes) => answered(database, step, attempt, result, changes),
    declined: (step) => declined(database, step),
    openAsks: (rotation) => openAsks(database, rotation),
    tagFamily: (rotation) => tagFamily(id, rotation),
    tags: (rotation, kind) => readTags(database, rotation, kind),
    seenBefore: (rotation, kind) => readSeenBefore(database, rotation, kind),
    mayHaveSent: (rotation, kind) => mayHaveSent(database, rotation, kind),
    deliveredTo: (rotation) => readSubjects(database, rotation, 'distribute'),
    undeployed: (rotation) => readSubjects(database, rotation, 'undeploy'),
    lastUpdate: (credential) => readLastUpdate(database, credential),
    unsettled: (rotation, kinds, subject) => readUnsettled(database, rotation, kinds, subject),

    recordInspections: (step, inspections) => within((client) => recordInspections(client, step, inspections)),
    inspections: (rotation) => readInspections(database, rotation),
    recordReading: (step, round, value) => within((client) => recordReading(client, step, round, value)),

    lease: (step, program) => within((client) => takeLease(client, id, step, program)),
    raiseLease: (program, given, held) => raiseLease(database, program, given, held),
    releaseLease: (program, rotation) => releaseLease(database, program, rotation),
    releaseLeases: (rotation) => releaseLeases(database, rotation),

    saveConfiguration: (configuration, hash, by) => within((client) => saveConfiguration(client, configuration, hash, by)),
    configurationHash: () => readConfigurationHash(database),
    configuration: () => readConfiguration(database),
    credential: (name) => readCredential(database, name),
    adopt: (credential, version, by) => within((client) => adopt(client, credential, version, by)),
  };
}
