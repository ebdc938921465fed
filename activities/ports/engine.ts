/** Owns the port to what runs workflows, as far as an activity may act on it. */
export interface Engine {
  /**
   * Ends the workflow of the credential's run, so that another one takes the run over from the
   * ledger; nothing where none runs.
   */
  endRun(credential: string, why: string): Promise<void>;

  /** Those that a workflow runs for, as far as the engine's index has heard of it. */
  credentialsUnderway(): Promise<ReadonlySet<string>>;
}
