/**
 * Owns a rate limit that slides: so many within the last so many milliseconds, for each who
 * (RateLimiterSettings.cs).
 */
export class SlidingWindow {
  readonly #entered = new Map<string, number[]>();

  /**
   * Counts the one that enters, unless it has to wait; for how long, in milliseconds, is 0 where it
   * has not.
   */
  enter(who: string, limit: number, span: number, now = Date.now()): { readonly wait: number; readonly remaining: number } {
    const recent = (this.#entered.get(who) ?? []).filter((time) => time > now - span);
    this.#entered.set(who, recent);
    const oldest = recent[recent.length - limit];
    if (oldest !== undefined) return { wait: oldest + span - now, remaining: 0 };
    recent.push(now);
    return { wait: 0, remaining: limit - recent.length };
  }

  clear(): void {
    this.#entered.clear();
  }
}
