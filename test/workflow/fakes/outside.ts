/**
 * Owns what is outside of rekey, as far as harm can be done there: who uses which version, who
 * runs, and which versions are dead.
 */

export class Outside {
  /** The version that each program has. */
  readonly uses: Record<string, number>;
  /** The programs that run. */
  readonly up: Set<string>;
  readonly dead = new Set<number>();
  /** What must never happen, and did. */
  readonly harm: string[] = [];

  constructor(programs: readonly string[], stopped: readonly string[]) {
    this.uses = Object.fromEntries(programs.map((name) => [name, 1]));
    this.up = new Set(programs.filter((name) => !stopped.includes(name)));
  }

  distribute(program: string, generation: number): void {
    if (this.dead.has(generation)) this.harm.push(`${program} was handed generation ${generation}, which is dead`);
    this.uses[program] = generation;
  }

  revoke(generation: number, required: readonly string[]): void {
    for (const name of required)
      if (this.uses[name] === generation) this.harm.push(`generation ${generation} was revoked while ${name} used it`);
    this.dead.add(generation);
  }

  /** To contain a leak, whoever uses it. */
  kill(generation: number): void {
    this.dead.add(generation);
  }

  regenerate(generation: number, required: readonly string[]): void {
    for (const name of required) if (this.up.has(name)) this.harm.push(`the secret was changed while ${name} ran`);
    this.dead.add(generation);
  }

  deploy(program: string): void {
    if (this.dead.has(this.uses[program]!)) this.harm.push(`${program} was started with a dead secret`);
    this.up.add(program);
  }
}
