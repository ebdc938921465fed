/** Owns the planted faults: which requests of rekey they hit, and what happens to those. */

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Durable } from './durable.js';

const expression = z.string().refine(isExpression, 'not a regular expression');

/** What `POST /faults` takes. */
export const FaultSpec = z.strictObject({
  vendor: z.string().min(1),
  method: z.string().optional(),
  path: expression.default(''),
  body: expression.optional(),
  when: z.enum(['before', 'after']).default('before'),
  action: z.enum(['drop', 'hang', 'drip', 'status', 'delay', 'hold', 'kill-worker']),
  status: z.int().min(200).max(599).default(503),
  headers: z.record(z.string(), z.string()).default({}),
  bodyText: z.string().default(''),
  delayMs: z.int().min(1).default(1000),
  times: z.int().min(1).default(1),
  /** So many requests that it would hit are let pass first. */
  skip: z.int().min(0).default(0),
  /**
   * It sleeps until rekey has asked these vendors for so many different changes, at paths that
   * match; one that is repeated is the same.
   */
  after: z
    .strictObject({ vendors: z.array(z.string()).min(1), path: expression.default(''), changes: z.int().min(0) })
    .optional(),
  /**
   * `repeated`: what is held goes on by itself once its caller has gone and a later request that
   * the fault describes was answered.
   */
  until: z.enum(['release', 'repeated']).default('release'),
});

export type Fault = z.infer<typeof FaultSpec> & {
  readonly id: string;
  left: number;
  hits: number;
  passed: number;
  /** The changes that it has seen, by method and path. */
  changes: string[];
};

/** Who asks, as told by the User-Agent that rekey sends: `rekey/<version> (<host>; <pid>)`. */
export interface Worker {
  readonly host: string;
  readonly pid: number;
}

const WORKER = /^rekey\/\S+ \(([^;]+); (\d+)\)/;

/** Undefined for anything that is not rekey, and so is never hit by a fault. */
export function workerOf(userAgent: string | undefined): Worker | undefined {
  const match = WORKER.exec(userAgent ?? '');
  return match ? { host: match[1]!, pid: Number(match[2]) } : undefined;
}

type Outcome = 'let through' | 'drop';
interface Held {
  readonly fault: Fault;
  readonly request: FastifyRequest;
  readonly end: (outcome: Outcome) => void;
}

export class Faults {
  readonly #held = new Set<Held>();
  /**
   * Decided when a request arrives, since requests that overtake each other must not trade places.
   */
  readonly #meets = new WeakMap<FastifyRequest, readonly Fault[]>();

  constructor(private readonly store: Durable<Fault[]>) {}

  plant(spec: z.infer<typeof FaultSpec>): Fault {
    const fault = { ...spec, id: randomUUID(), left: spec.times, hits: 0, passed: 0, changes: [] };
    this.store.value.push(fault);
    this.store.save();
    return fault;
  }

  list(): Array<Fault & { held: number }> {
    return this.store.value.map((fault) => ({
      ...fault,
      held: [...this.#held].filter((held) => held.fault.id === fault.id).length,
    }));
  }

  /**
   * Lets the requests through that this fault keeps; how many, or undefined if there is no such
   * fault.
   */
  release(id: string): number | undefined {
    if (!this.store.value.some((fault) => fault.id === id)) return undefined;
    return this.#end((held) => held.fault.id === id, 'let through');
  }

  /**
   * A request was answered: whatever waits for one like it to have acted in its place goes on now.
   */
  answered(vendor: string, request: FastifyRequest): void {
    if (!workerOf(request.headers['user-agent'])) return;
    const waitsForIt = ({ fault, request: { raw } }: Held) =>
      fault.until === 'repeated' && raw.socket.destroyed && hits(fault, vendor, request);
    this.#end(waitsForIt, 'let through');
  }

  /**
   * Forgets all faults. What they hold is dropped, so that its effect cannot appear in whatever a
   * test does next.
   */
  clear(): void {
    this.store.value = [];
    this.store.save();
    this.#end(() => true, 'drop');
  }

  /** The fault that this request meets now, already counted. */
  strike(when: Fault['when'], vendor: string, request: FastifyRequest): Fault | undefined {
    if (!workerOf(request.headers['user-agent'])) return undefined;
    if (when === 'before') this.#meets.set(request, this.#arrives(vendor, request));
    const fault = this.#meets.get(request)?.find((candidate) => candidate.when === when);
    if (!fault || !this.store.value.includes(fault)) return undefined;
    fault.hits += 1;
    this.store.save();
    return fault;
  }

  /**
   * At most one fault before its effect and one after it; every fault that could have hit it counts
   * it.
   */
  #arrives(vendor: string, request: FastifyRequest): readonly Fault[] {
    const met: Fault[] = [];
    for (const when of ['before', 'after'] as const) {
      const fault = this.store.value.find((candidate) => candidate.when === when && takes(candidate, vendor, request));
      if (!fault) continue;
      fault.left -= 1;
      met.push(fault);
      // Only these let the request go on to its effect.
      if (fault.action !== 'delay' && fault.action !== 'hold') break;
    }
    if (request.method !== 'GET')
      for (const fault of this.store.value) if (countsFor(fault, vendor, request)) count(fault, request);
    this.store.touch();
    return met;
  }

  /** Carries a fault out. True if the request, or its reply, goes on as if nothing had been. */
  async carryOut(fault: Fault, request: FastifyRequest, reply: FastifyReply): Promise<boolean> {
    switch (fault.action) {
      case 'delay':
        await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
        return true;
      case 'hold':
        if ((await this.#hold(fault, request)) === 'let through') return true;
        break;
      case 'status':
        reply.hijack();
        reply.raw.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers }).end(fault.bodyText);
        return false;
      case 'hang':
        reply.hijack();
        return false;
      case 'drip':
        reply.hijack();
        drip(reply.raw, fault.status);
        return false;
      case 'kill-worker':
        killWorker(workerOf(request.headers['user-agent'])!);
        break;
      case 'drop':
        break;
    }
    reply.hijack();
    // The socket: a request whose body is read survives being destroyed itself.
    request.raw.socket.destroy();
    return false;
  }

  #hold(fault: Fault, request: FastifyRequest): Promise<Outcome> {
    return new Promise((resolve) => {
      const held = {
        fault,
        request,
        end: (outcome: Outcome) => {
          this.#held.delete(held);
          resolve(outcome);
        },
      };
      this.#held.add(held);
    });
  }

  #end(which: (held: Held) => boolean, outcome: Outcome): number {
    const ending = [...this.#held].filter(which);
    for (const held of ending) held.end(outcome);
    return ending.length;
  }
}

/** An answer that begins at once, and never comes to its first word. */
function drip(answer: ServerResponse, status: number): void {
  answer.writeHead(status, { 'content-type': 'application/json' });
  const drops = setInterval(() => answer.write(' '), 50);
  answer.once('close', () => clearInterval(drops));
}

/** Whether the fault takes this very request; one that is to pass first is counted as passed. */
function takes(fault: Fault, vendor: string, request: FastifyRequest): boolean {
  if (fault.left === 0 || fault.changes.length < (fault.after?.changes ?? 0) || !hits(fault, vendor, request)) return false;
  if (fault.passed >= fault.skip) return true;
  fault.passed += 1;
  return false;
}

const countsFor = ({ after }: Fault, vendor: string, request: FastifyRequest): boolean =>
  after?.vendors.includes(vendor) === true && new RegExp(after.path).test(request.url);

function count(fault: Fault, { method, url }: FastifyRequest): void {
  const change = `${method} ${url.split('?', 1)[0]}`;
  if (!fault.changes.includes(change)) fault.changes.push(change);
}

function hits(fault: Fault, vendor: string, request: FastifyRequest): boolean {
  return (
    fault.vendor === vendor &&
    (fault.method === undefined || fault.method.toUpperCase() === request.method) &&
    new RegExp(fault.path).test(request.url) &&
    (fault.body === undefined || new RegExp(fault.body).test(typeof request.body === 'string' ? request.body : ''))
  );
}

/**
 * Only a Node process of this machine: a pid in a header is a claim, and a wrong one must not hit a
 * bystander.
 */
function killWorker(worker: Worker): void {
  if (worker.host !== hostname() || worker.pid <= 1 || worker.pid === process.pid) return;
  try {
    const command = readFileSync(`/proc/${worker.pid}/cmdline`, 'utf8').split('\0')[0] ?? '';
    if (/(^|\/)node$/.test(command)) process.kill(worker.pid, 'SIGKILL');
  } catch {
    // The process is gone already, which is what was wanted.
  }
}

function isExpression(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
