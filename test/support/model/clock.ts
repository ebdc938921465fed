/**
 * Owns the time of a modelled world: the database's clock, the worker's monotonic one and its
 * deadlines, all moved by hand and all alike.
 */
import { vi } from 'vitest';
import { clocks } from '../../../activities/ports/deadline.js';
import type { Database } from '../../../activities/postgres/pool.js';

const epoch = Date.UTC(2030, 0, 1);

export class Clock {
  /** Milliseconds since the world began. */
  now = 0;
  /**
   * Hears of every deadline that is set: the model runs one worker at a time, so it is that
   * worker's.
   */
  heard: (at: number) => void = () => undefined;
  #deadlines: { readonly at: number; readonly controller: AbortController }[] = [];

  /** From here on deadlines of this process go by this clock. */
  install(): void {
    vi.spyOn(performance, 'now').mockImplementation(() => this.now);
    vi.spyOn(clocks, 'wall').mockImplementation(() => this.now);
    vi.spyOn(AbortSignal, 'timeout').mockImplementation((milliseconds) => {
      const controller = new AbortController();
      const at = this.now + milliseconds;
      this.#deadlines.push({ at, controller });
      this.heard(at);
      return controller.signal;
    });
  }

  advance(milliseconds: number): void {
    this.now += milliseconds;
    const due = this.#deadlines.filter(({ at }) => at <= this.now);
    this.#deadlines = this.#deadlines.filter(({ at }) => at > this.now);
    for (const { controller } of due) controller.abort(new DOMException('the deadline has passed', 'TimeoutError'));
  }

  /** Tells the database what time it is. */
  async show(database: Database): Promise<void> {
    await database.query('update sim.clock set now = to_timestamp($1::double precision / 1000)', [epoch + this.now]);
  }
}

/**
 * Puts a clock of our own before the database's: in statements by the search path, in defaults of
 * columns by name.
 */
export async function giveClock(database: Database): Promise<void> {
  await database.transaction(async (client) => {
    await client.query(`
      create schema sim;
      create table sim.clock (now timestamptz not null);
      insert into sim.clock values (pg_catalog.clock_timestamp());
      create function sim.clock_timestamp() returns timestamptz language sql volatile as 'select now from sim.clock';
      do $$
      declare place record;
      begin
        for place in select d.adrelid::regclass as relation, a.attname as name from pg_attrdef d
          join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
          where pg_get_expr(d.adbin, d.adrelid) = 'clock_timestamp()' loop
          execute format('alter table %s alter column %I set default sim.clock_timestamp()', place.relation, place.name);
        end loop;
        execute format('alter database %I set search_path = sim, pg_catalog, public', current_database());
      end $$`);
  });
}
