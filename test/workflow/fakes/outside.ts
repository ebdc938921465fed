/**
 * Owns what is outside of rekey, as far as harm can be done there: who uses which version, who
 * runs, and which versions are dead.
 */

export class Outside {
  /** The version that each program has. */
  readonly uses: Record<string, number>;
  /** The programs that run. */
  readonly up: Set<string>;
  /** Versions that nothing accepts any more, and never will. */
  readonly dead = new Set<number>();
  /** Keys as the store has them; those that were deleted are not among them. */
  readonly keys = new Map<number, 'live' | 'disabled'>([[1, 'live']]);
  /** What must never happen, and did. */
  readonly harm: string[] = [];

  constructor(
    programs: readonly string[],
    stopped: readonly string[],
    private readonly hasLeaked: (generation: number) => boolean,
  ) {
    this.uses = Object.fromEntries(programs.map((name) => [name, 1]));
    this.up = new Set(programs.filter((name) => !stopped.includes(name)));
  }

  /** How many keys the store counts while this one is there; null where it is not. */
  keysWith(generation: number): number | null {
    return this.keys.has(generation) ? this.keys.size : null;
  }

  mint(generation: number): void {
    this.keys.set(generation, 'live');
  }

  distribute(program: string, generation: number): void {
    if (this.dead.has(generation)) this.harm.push(`${program} was handed generation ${generation}, which is dead`);
    if (this.hasLeaked(generation)) this.harm.push(`${program} was handed generation ${generation}, which has leaked`);
    this.uses[program] = generation;
  }

  disable(generation: number): void {
    if (this.keys.has(generation)) this.keys.set(generation, 'disabled');
  }

  enable(generation: number): void {
    if (this.hasLeaked(generation)) this.harm.push(`generation ${generation} was enabled, which has leaked`);
    if (this.keys.has(generation)) this.keys.set(generation, 'live');
  }

  /** `required`: those that nobody leaves behind. */
  revoke(generation: number, required: readonly string[]): void {
    for (const name of required) {
      const used = this.uses[name]!;
      if (used === generation) this.harm.push(`generation ${generation} was revoked while ${name} used it`);
      else if (!this.hasLeaked(generation) && this.dead.has(used))
        this.harm.push(`generation ${generation} was revoked while ${name} had nothing but generation ${used}, which is dead`);
    }
    this.keys.delete(generation);
    this.dead.add(generation);
    if (this.keys.size === 0) this.harm.push(`the store has no key left after generation ${generation}`);
  }

  /** To contain a leak, whoever uses it. */
  kill(generation: number, by: 'disable' | 'revoke'): void {
    if (!this.hasLeaked(generation)) this.harm.push(`generation ${generation} was contained, which has not leaked`);
    if (by === 'disable') this.disable(generation);
    else this.keys.delete(generation);
    this.dead.add(generation);
    if (this.keys.size === 0) this.harm.push(`the store has no key left after generation ${generation}`);
  }

  /** The key stays, and what it was before is dead. */
  regenerate(generation: number, becomes: number, required: readonly string[]): void {
    for (const name of required) if (this.up.has(name)) this.harm.push(`the secret was changed while ${name} ran`);
    this.keys.delete(generation);
    this.keys.set(becomes, 'live');
    this.dead.add(generation);
  }

  deploy(program: string): void {
    if (this.dead.has(this.uses[program]!)) this.harm.push(`${program} was started with a dead secret`);
    this.up.add(program);
  }
}
