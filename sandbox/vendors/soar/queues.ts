/**
 * Owns the message destinations: which keys may read them, and the messages that wait there for the
 * apps. A subscription stands for IBM's STOMP port: it logs in once, when it is opened, and lives
 * on whatever becomes of the secret (inferred from ibmresilient/resilient-python-api,
 * `resilient_circuits`, which authenticates at connect only). A message that is not acknowledged
 * when its subscription ends is delivered again, as JMS does: assumed.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Durable } from '../../durable.js';
import { TIMING } from '../../timing.js';
import type { Traffic } from '../../traffic.js';
import { body, Refused, unableToFind } from './refused.js';
import type { ApiKeyAccount, Destination, SoarState } from './state.js';

interface Subscription {
  readonly destination: string;
  readonly stream: ServerResponse;
  held: number | undefined;
}

/** Two minutes of messages. */
const MOST_WAITING = 120_000 / TIMING.soar.messageEvery;

const DestinationBody = z.object({ id: z.int(), name: z.string(), api_keys: z.array(z.string()) });

export class Queues {
  readonly #subscriptions = new Set<Subscription>();
  /**
   * A queue that nobody reads is cut off at its old end some time, and that work is lost: assumed.
   */
  #mostWaiting = MOST_WAITING;

  constructor(
    private readonly store: Durable<SoarState>,
    private readonly traffic: Traffic,
  ) {
    for (const { queue } of store.value.destinations) queue.returned = [...queue.held.splice(0), ...queue.returned];
  }

  /** Messages arrive all the time, whether or not anybody is there to take them. */
  open(): void {
    setInterval(() => {
      if (!this.traffic.on) return;
      for (const destination of this.store.value.destinations) this.#produce(destination);
      for (const subscription of this.#subscriptions) this.#deliver(subscription);
      this.store.touch();
    }, TIMING.soar.messageEvery * this.traffic.pace).unref();
  }

  limit(mostWaiting: number): void {
    this.#mostWaiting = mostWaiting;
  }

  subscribe(name: string, account: ApiKeyAccount, stream: ServerResponse): void {
    const destination = this.#destination(name);
    if (!destination) throw unableToFind('message destination', name);
    if (!destination.apiKeys.includes(account.clientId)) throw new Refused(403, `not authorized to read from queue ${name}`);
    const subscription: Subscription = { destination: name, stream, held: undefined };
    stream.once('close', () => this.#ended(subscription));
    stream.writeHead(200, { 'content-type': 'application/x-ndjson' }).write('\n');
    this.#subscriptions.add(subscription);
    this.#deliver(subscription);
  }

  /** The work of a message is done, or was refused and so is lost: the app has no second try. */
  settle(name: string, message: number): void {
    const subscription = [...this.#subscriptions].find(({ destination, held }) => destination === name && held === message);
    if (!subscription) return;
    this.#release(subscription);
    this.#deliver(subscription);
  }

  /** After a reset nothing that is under way belongs to anybody. */
  forget(): void {
    for (const { stream } of this.#subscriptions) stream.destroy();
    this.#subscriptions.clear();
    this.#mostWaiting = MOST_WAITING;
  }

  #produce({ name, queue }: Destination): void {
    queue.produced += 1;
    const isRead = [...this.#subscriptions].some(({ destination }) => destination === name);
    if (isRead || queue.returned.length + queue.produced - queue.next < this.#mostWaiting) return;
    if (queue.returned.shift() === undefined) queue.next += 1;
    this.traffic.count(name, 'lost');
  }

  #deliver(subscription: Subscription): void {
    const queue = this.#destination(subscription.destination)?.queue;
    if (!queue || subscription.held !== undefined || !this.traffic.on) return;
    const message = queue.returned.shift() ?? (queue.next <= queue.produced ? queue.next++ : undefined);
    if (message === undefined) return;
    subscription.held = message;
    queue.held.push(message);
    subscription.stream.write(`${JSON.stringify({ message })}\n`);
    this.store.touch();
  }

  #ended(subscription: Subscription): void {
    if (!this.#subscriptions.delete(subscription)) return;
    const message = this.#release(subscription);
    if (message !== undefined) this.#destination(subscription.destination)?.queue.returned.unshift(message);
  }

  #release(subscription: Subscription): number | undefined {
    const message = subscription.held;
    subscription.held = undefined;
    const queue = this.#destination(subscription.destination)?.queue;
    if (queue) queue.held = queue.held.filter((held) => held !== message);
    this.store.touch();
    return message;
  }

  #destination(name: string): Destination | undefined {
    return this.store.value.destinations.find((destination) => destination.name === name);
  }
}

/**
 * Lists come as `{entities}`, and a change takes the whole object back, as IBM's own client does it
 * (ibmresilient/resilient-python-api, `resilient_circuits/customize.py`); that `api_keys` holds
 * client ids, and which permission a change needs, is assumed.
 */
export function serveDestinations(
  app: FastifyInstance,
  store: Durable<SoarState>,
  caller: (request: FastifyRequest) => ApiKeyAccount,
): void {
  app.get('/message_destinations', async () => ({ entities: store.value.destinations.map(show) }));

  app.get<{ Params: { id: string } }>('/message_destinations/:id', async (request) => show(existing(request.params.id)));

  app.put<{ Params: { id: string } }>('/message_destinations/:id', async (request) => {
    if (!caller(request).permissions.includes('manage_apps')) throw new Refused(403);
    const destination = existing(request.params.id);
    destination.apiKeys = body(DestinationBody, request).api_keys;
    store.save();
    return show(destination);
  });

  function existing(id: string): Destination {
    const destination = store.value.destinations.find((candidate) => String(candidate.id) === id);
    if (!destination) throw unableToFind('message destination', id);
    return destination;
  }
}

function show({ id, name, apiKeys }: Destination) {
  return { id, name, programmatic_name: name, destination_type: 0, expect_ack: true, users: [], api_keys: apiKeys };
}
