/**
 * The modelled NATS: work queues, the event log, KV buckets for nodes and leases, and core subjects for shards and
 * nodes. All of it can be wiped. A power cut loses what was not written to the disk. The server knows hosts only
 * through the callbacks with which they connected.
 */
import {
  type JobEvent,
  type LiveFeed,
  type WorkRoute,
  type RouteDepth,
  routeOfWork,
  type WorkMessage,
  type WorkStanding,
} from '../../../src/application/ports/bus.ts';
import type { NodeInfo } from '../../../src/application/ports/membership.ts';
import type { Random } from '../../../src/application/ports/runtime.ts';
import type { ShardVerb } from '../../../src/application/ports/shard-protocol.ts';
import { needText } from '../../../src/domain/handler-need.ts';
import { defaultPriority } from '../../../src/domain/priority.ts';
import { ConfigBucket } from './bus-config.ts';
import { KeptEvents } from './bus-events.ts';
import type { LeaseValue } from './bus-leases.ts';
import type { Host } from './host.ts';
import { KeyStore } from './key-store.ts';
import type { Timeline } from './timeline.ts';
import { WorkQueue } from './work-queue.ts';

export interface LiveChange {
  readonly jobId: string;
  readonly change: Parameters<Parameters<LiveFeed['watchJob']>[1]>[0];
}

export interface ShardRequest {
  readonly shard: number;
  readonly verb: ShardVerb;
  readonly items: readonly unknown[];
}

export interface NodeRequest {
  readonly verb: string;
  readonly payload: unknown;
}

export type Answer = { readonly value: unknown } | { readonly error: Error };

/**
 * Called when a WORK message is stored, without duplicates. `isUntaken` tells whether it is still there and was never
 * delivered.
 */
export type WorkStored = (isUntaken: () => boolean) => void;

/** A connected process, as the server sees it. */
export interface Peer {
  readonly host: Host;
  /** Shards that the process serves, as far as the server knows. */
  shards: ReadonlySet<number>;
  serveShard(request: ShardRequest, answer: (answer: Answer) => void): void;
  serveNode(request: NodeRequest, answer: (answer: Answer) => void): void;
  nodeChanged(key: string, node: NodeInfo | undefined, revision: number): void;
  leaseChanged(key: string, lease: LeaseValue | undefined, revision: number): void;
  configChanged(key: string, stamp: number | undefined): void;
  live(change: LiveChange): void;
  published(event: JobEvent): void;
}

const eventsDuplicateWindowMs = 120_000;
/** The value of `nats.syncIntervalMs`. */
const syncEveryMs = 10_000;

export class BusServer {
  readonly timeline: Timeline;
  readonly leases: KeyStore<LeaseValue>;
  readonly nodes: KeyStore<NodeInfo>;
  readonly keptEvents: KeptEvents;
  readonly #config = new ConfigBucket();
  readonly #queues = new Map<string, WorkQueue>();
  readonly #routes = new Map<string, WorkRoute>();
  readonly #peers = new Map<string, Peer>();
  #events: JobEvent[] = [];
  readonly #eventIds = new Map<string, number>();
  #generation = 1;
  /** Position of the last message in the WORK stream, and its state on the disk. */
  #place = 0;
  #written = { place: 0, atMs: 0 };
  /** Number of the server's start. */
  process = 1;
  /** Called for each event that is stored, without duplicates. */
  onEvent: (event: JobEvent) => void = () => undefined;
  /** Called for each WORK message that a process sends. */
  onWork: (message: WorkMessage) => WorkStored = () => () => undefined;

  constructor(timeline: Timeline, random: Random) {
    this.timeline = timeline;
    this.leases = new KeyStore(timeline, random, (key, lease, revision) => {
      for (const peer of this.#peers.values()) peer.leaseChanged(key, lease, revision);
    });
    this.nodes = new KeyStore(timeline, random, (key, node, revision) => {
      for (const peer of this.#peers.values()) peer.nodeChanged(key, node, revision);
    });
    this.keptEvents = new KeptEvents(this.identity);
    this.#syncLater(random() * syncEveryMs);
  }

  get identity(): string {
    return `streams-${this.#generation}`;
  }

  join(peer: Peer): void {
    this.#peers.set(peer.host.name, peer);
    peer.host.onKilled(() => {
      this.#peers.delete(peer.host.name);
      for (const queue of this.#queues.values()) queue.forget(peer.host);
    });
    this.tellKeys(peer);
  }

  /** The shards that a process serves. */
  shardsOf(hostName: string): readonly number[] {
    return [...(this.#peers.get(hostName)?.shards ?? [])];
  }

  /** Sends the whole contents of the buckets to a watch that begins. */
  tellKeys(peer: Peer): void {
    for (const [key, { value, revision }] of this.nodes.present()) peer.nodeChanged(key, value, revision);
    for (const [key, { value, revision }] of this.leases.present()) peer.leaseChanged(key, value, revision);
    for (const [key, { stamp }] of this.#config.all()) peer.configChanged(key, stamp);
  }

  /** Deletes the key if there is no stamp. */
  putConfig(key: string, stamp: number | undefined): number {
    for (const peer of this.#peers.values()) peer.configChanged(key, stamp);
    return this.#config.put(key, stamp);
  }

  queue(name: string): WorkQueue {
    let queue = this.#queues.get(name);
    if (queue === undefined) this.#queues.set(name, (queue = new WorkQueue(this.timeline, () => (this.#place += 1))));
    return queue;
  }

  publishWork(message: WorkMessage, stored: WorkStored): void {
    const found = routeOfWork(message);
    this.#routes.set(routeName(found), found);
    const name = routeName(found);
    const queue = this.queue(name);
    const isUntaken = queue.publish(message);
    if (isUntaken !== undefined) stored(() => this.#queues.get(name) === queue && isUntaken());
  }

  routes(): readonly RouteDepth[] {
    return [...this.#routes].flatMap(([name, route]) => {
      const messages = this.queue(name).depth;
      return messages === 0 ? [] : [{ ...route, messages }];
    });
  }

  workStanding(routes: readonly WorkRoute[]): WorkStanding {
    return { last: this.#place, firsts: routes.map((route) => this.#queues.get(routeName(route))?.first) };
  }

  publishEvent(event: JobEvent): void {
    for (const peer of this.#peers.values()) {
      peer.live({ jobId: event.jobId, change: { kind: 'event', seq: event.seq } });
      peer.published(event);
    }
    const id = eventId(event);
    const storedMs = this.#eventIds.get(id);
    if (storedMs !== undefined && this.timeline.nowMs - storedMs < eventsDuplicateWindowMs) return;
    this.#eventIds.set(id, this.timeline.nowMs);
    this.#events.push(event);
    this.keptEvents.add(event, this.timeline.nowMs);
    this.onEvent(event);
  }

  publishLive(change: LiveChange): void {
    for (const peer of this.#peers.values()) peer.live(change);
  }

  /** Takes the events that the durable subscriber has not read yet. */
  takeEvents(): readonly JobEvent[] {
    return this.#events.splice(0);
  }

  acknowledge(ackTo: string): void {
    this.#delivery(ackTo, (queue, seq) => {
      queue.acknowledge(seq);
    });
  }

  release(ackTo: string): void {
    this.#delivery(ackTo, (queue, seq) => {
      queue.release(seq);
    });
  }

  ackTo(queue: string, seq: number, deliveries: number): string {
    return [String(this.#generation), queue, String(seq), String(deliveries)].join(':');
  }

  /**
   * Every process that serves the shard receives the request, also a former owner. The first answer counts. Returns
   * false if none does.
   */
  request(request: ShardRequest, answer: (answer: Answer) => void): boolean {
    let isHeard = false;
    for (const peer of this.#peers.values()) {
      if (!peer.shards.has(request.shard)) continue;
      isHeard = true;
      peer.serveShard(request, answer);
    }
    return isHeard;
  }

  /** Like `request`, for the processes of a node. */
  requestNode(nodeId: string, request: NodeRequest, answer: (answer: Answer) => void): boolean {
    let isHeard = false;
    for (const peer of this.#peers.values()) {
      if (!peer.host.name.startsWith(`${nodeId}#`)) continue;
      isHeard = true;
      peer.serveNode(request, answer);
    }
    return isHeard;
  }

  /** JetStream has lost its disk: streams, consumers and buckets are created again. */
  wipe(): void {
    this.#generation += 1;
    for (const queue of this.#queues.values()) queue.close();
    this.#queues.clear();
    this.#routes.clear();
    this.#events = [];
    this.#eventIds.clear();
    this.leases.clear();
    this.nodes.clear();
    this.#config.clear();
    this.keptEvents.begin(this.identity);
    this.#place = 0;
    this.#sync();
  }

  /** An operator removes all messages from the WORK stream. */
  purgeWork(): void {
    for (const queue of this.#queues.values()) queue.purge();
  }

  /** The server restarts with the state that it last wrote to its disk. Streams keep their names and creation times. */
  losePower(): void {
    const { place, atMs } = this.#written;
    this.process += 1;
    this.#place = place;
    for (const queue of this.#queues.values()) queue.lose(atMs);
    this.#events = this.#events.filter((event) => (this.#eventIds.get(eventId(event)) ?? 0) <= atMs);
    for (const [id, storedMs] of this.#eventIds) if (storedMs > atMs) this.#eventIds.delete(id);
    this.leases.lose();
    this.nodes.lose();
    this.#config.lose();
    this.keptEvents.lose(atMs);
  }

  #sync(): void {
    this.#written = { place: this.#place, atMs: this.timeline.nowMs };
    for (const queue of this.#queues.values()) queue.synced();
    this.leases.synced();
    this.nodes.synced();
    this.#config.synced();
  }

  #syncLater(delayMs: number): void {
    this.timeline.at(delayMs, () => {
      this.#sync();
      this.#syncLater(syncEveryMs);
    });
  }

  #delivery(ackTo: string, act: (queue: WorkQueue, seq: number) => void): void {
    const [generation, queue = '', seq] = ackTo.split(':');
    if (Number(generation) === this.#generation) act(this.queue(queue), Number(seq));
  }
}

function eventId({ jobId, seq }: JobEvent): string {
  return `${jobId}.${seq}`;
}

export function routeName({ tenant, queue, level = defaultPriority, need }: WorkRoute): string {
  const main = `${tenant}/${queue}/${level}`;
  return need === undefined ? main : `${main}/${needText(need)}`;
}
