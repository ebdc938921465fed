/** Owns the port to incidents: opened, carried on from their rows, settled. */
import type {
  HaltRequest,
  IncidentAtHand,
  IncidentState,
  ItemFacts,
  OpenIncidentRequest,
  Settled,
  VersionToEnd,
} from '../../workflows/domain/incident.js';

export interface Incidents {
  /**
   * Writes the incident and its keys down, and marks those for good. The same order gets the same
   * one again; throws KR_ALREADY_OPEN where another has its number.
   */
  openIncident(request: OpenIncidentRequest): Promise<{ readonly incident: string }>;
  /** Those that are to be carried on, by their numbers. */
  openIncidents(): Promise<readonly number[]>;
  /** The incident, null once it is over, and those of its keys that nothing has come of yet. */
  incidentRound(incident: string): Promise<{ readonly incident: IncidentAtHand | null; readonly items: readonly ItemFacts[] }>;
  incidentState(incident: string): Promise<IncidentState>;
  /** Nothing of it is begun from now on, or it goes on. Throws KR_VERB_ILLEGAL where it is over. */
  haltIncident(request: HaltRequest): Promise<void>;
  /** The open run of the credential answers for the incident from now on; nothing where none is. */
  tellRun(incident: string, credential: string): Promise<void>;
  /** What the superseded run right before this one had found running; else nothing. */
  leftDown(run: string): Promise<readonly string[]>;
  /** Versions of the run's credential that live, or that its incident names. */
  versionsToEnd(run: string): Promise<readonly VersionToEnd[]>;
  /** What came of keys; the incident is closed with the last of them. */
  settleIncident(incident: string, settled: readonly Settled[]): Promise<void>;
}
