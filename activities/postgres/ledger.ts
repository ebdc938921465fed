/**
 * Owns the ledger in PostgreSQL: which statement answers each method of the port, in a transaction
 * of its own.
 */
import type { Ledger } from '../ports/ledger.js';
import { answered, ask, declined, openAsks } from './asked.js';
import { readDue, readNow, readOpen, readUnderway, reportStall } from './calendar.js';
import { adopt, readConfiguration, readConfigurationHash, readCredential, saveConfiguration } from './configurations.js';
import {
  haltIncident,
  openIncident,
  readOpenIncidents,
  readRound,
  readState,
  readToEnd,
  settleRound,
  tellRun,
} from './incidents.js';
import { mayHaveSent, readSeenBefore, readSubjects, readTags, readUnsettled } from './intents.js';
import { raiseLease, releaseLease, releaseLeases, takeLease } from './leases.js';
import { beginLook, readInspections, recordInspections, recordReading } from './observations.js';
import { familyOf, once, readOutcome, requireFence } from './once.js';
import type { Database, Queryable } from './pool.js';
import { reconcile } from './reconcile.js';
import { beginRound, closeRun, openRun, readRun, readVersions, reportStopped } from './runs.js';
import { forgetSecrets } from './sealed-secrets.js';
import { readLeftDown, turnBack } from './turn-back.js';
import { readLastUpdate } from './updates.js';
import { recordEffect, recordVerb } from './verbs.js';
import { openWait, showStep } from './waits.js';

export async function openLedger(database: Database): Promise<Ledger> {
  const { rows } = await database.query<{ id: string }>('select id from ledger');
  const id = rows[0]!.id;
  const within = <Result>(work: (client: Queryable) => Promise<Result>) => database.transaction(work);

  return {
    id,

    open: (request) => within((client) => openRun(client, request)),
    reconcile: (remembered) => within((client) => reconcile(client, remembered)),
    run: (run) => readRun(database, run),
    versions: (credential) => readVersions(database, credential),
    enter: (step) =>
      within(async (client) => {
        await requireFence(client, step);
        await showStep(client, step);
      }),
    openWait: (step, wait) => within((client) => openWait(client, step, wait)),
    recordVerb: (step, said) => within((client) => recordVerb(client, step, said)),
    recordEffect: (run, updateId, whyNone) => within((client) => recordEffect(client, run, updateId, whyNone)),
    turnBack: (step, reason) => within((client) => turnBack(client, step, reason)),
    report: (credential, what) => within((client) => reportStopped(client, credential, what)),
    beginRound: (step, round, reason) => within((client) => beginRound(client, step, round, reason)),
    close: (step, outcome, reason, downtimeMs) => within((client) => closeRun(client, step, outcome, reason, downtimeMs)),
    due: () => readDue(database),
    underway: () => readUnderway(database),
    now: () => readNow(database),
    sweep: async () => {
      await within(forgetSecrets);
      const open = await readOpen(database);
      for (const { run, order } of open.filter(({ silent }) => silent))
        await within((client) => reportStall(client, run, order.credential));
      return open.map(({ order }) => order);
    },

    openRuns: async () => (await readOpen(database)).map(({ order }) => order),

    once: (step, options, body) => once(database, id, step, options, body),
    recorded: (step) => readOutcome(database, step),
    isAsked: async (step) => (await openAsks(database, step.run)).some(({ key }) => key === step.key),
    ask: (step, before, leave) => ask(database, id, step, before, leave),
    answered: (step, attempt, result, changes) => answered(database, step, attempt, result, changes),
    declined: (step) => declined(database, step),
    openAsks: (run) => openAsks(database, run),
    tagFamily: (run) => familyOf(id, run),
    tags: (run, kind) => readTags(database, run, kind),
    seenBefore: (run, kind) => readSeenBefore(database, run, kind),
    mayHaveSent: (run, kind) => mayHaveSent(database, run, kind),
    deliveredTo: (run) => readSubjects(database, run, 'distribute'),
    undeployed: (run) => readSubjects(database, run, 'undeploy'),
    lastUpdate: (credential) => readLastUpdate(database, credential),
    unsettled: (run, kinds, subject) => readUnsettled(database, run, kinds, subject),

    beginLook: (step, kind, subjects) => beginLook(database, step, kind, subjects),
    recordInspections: (step, attempt, inspections) => within((client) => recordInspections(client, step, attempt, inspections)),
    inspections: (run) => readInspections(database, run),
    recordReading: (step, attempt, reading) => within((client) => recordReading(client, step, attempt, reading)),

    openIncident: (request) => within((client) => openIncident(client, request)),
    openIncidents: () => readOpenIncidents(database),
    incidentRound: (incident) => readRound(database, incident),
    incidentState: (incident) => readState(database, incident),
    haltIncident: (request) => within((client) => haltIncident(client, request)),
    tellRun: (incident, credential) => within((client) => tellRun(client, incident, credential)),
    leftDown: (run) => readLeftDown(database, run),
    versionsToEnd: (run) => readToEnd(database, run),
    settleIncident: (incident, settled) => within((client) => settleRound(client, incident, settled)),

    lease: (step, consumer) => within((client) => takeLease(client, id, step, consumer)),
    raiseLease: (consumer, given, held) => raiseLease(database, consumer, given, held),
    releaseLease: (consumer, run) => releaseLease(database, consumer, run),
    releaseLeases: (run) => releaseLeases(database, run),

    saveConfiguration: (order, configuration, hash, by) =>
      within((client) => saveConfiguration(client, order, configuration, hash, by)),
    configurationHash: () => readConfigurationHash(database),
    configuration: () => readConfiguration(database),
    credential: (name) => readCredential(database, name),
    adopt: (credential, version, by) => within((client) => adopt(client, credential, version, by)),
  };
}
