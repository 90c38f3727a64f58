/**
 * The entry point of the adapter. It connects, checks the server's version, creates or verifies the topology, and
 * returns the ports. `close` releases everything that was opened.
 */
import type { BusHealth, LiveFeed, Publisher, WorkSource } from '../../application/ports/bus.ts';
import type { EventConsumers } from '../../application/ports/event-consumers.ts';
import type { FollowerDoor } from '../../application/ports/follower-door.ts';
import type { EventLogs } from '../../application/ports/event-log.ts';
import type { Membership, ShardLeases, SharedConfig } from '../../application/ports/membership.ts';
import type { Clock, Logger, Telemetry } from '../../application/ports/runtime.ts';
import type { QueueQuarantines } from '../../application/ports/queue-quarantines.ts';
import type { ShardClient, ShardServer } from '../../application/ports/shard-link.ts';
import { VitalSigns } from '../../application/cluster/vital-signs.ts';
import { KeyBucket } from './key-bucket.ts';
import { defaultNatsLimits, type NatsLimits } from './limits.ts';
import { type NatsLink, type NatsTls, openLink } from './link.ts';
import type { NatsLogin } from './login.ts';
import { createEventConsumers } from './event-consumers.ts';
import { NatsEventLogs } from './event-log.ts';
import { type FollowerDoorOptions, openFollowerDoor } from './follower-door.ts';
import { NatsLiveFeed } from './live-feed.ts';
import { NatsMembership } from './membership.ts';
import { natsNames, type NatsNames } from './names.ts';
import { NatsNodeLink, type NodeFace, type NodeHandler } from './node-link.ts';
import { NatsQueueMarks } from './queue-marks.ts';
import { NatsPublisher } from './publisher.ts';
import { ReplyMux } from './reply-mux.ts';
import { Requester } from './request-reply.ts';
import { PatientAsks } from './patient-asks.ts';
import { checkServerVersion } from './server-version.ts';
import { NatsShardLeases } from './shard-leases.ts';
import { NatsShardClient, NatsShardServer } from './shard-link.ts';
import { NatsSharedConfig } from './shared-config.ts';
import { StreamGuard } from './stream-guard.ts';
import { type Difference, Topology } from './topology.ts';
import { NatsWorkSource } from './work-source.ts';
import { given } from '../../domain/given.ts';

/** How to connect, and what to create if it is missing. */
export interface ConnectNatsOptions {
  readonly servers: readonly string[];
  /** Shown in the server's list of connections. */
  readonly name: string;
  readonly login?: NatsLogin;
  readonly tls?: NatsTls;
  /** First token of every subject. Default: `troupe`. Set it if several clusters share a server. */
  readonly subjectRoot?: string;
  /**
   * First token of the subjects on which this process receives answers. Set it if the login may only use its own.
   * Default: `_INBOX`.
   */
  readonly inboxPrefix?: string;
  /** Replicas of streams and buckets: 1 for a single server, 3 for a cluster. Default: 1. */
  readonly replicas?: number;
  /** Streams among which the events of jobs are divided by their queue. Default: 1. */
  readonly eventStreams?: number;
  readonly limits?: Partial<NatsLimits>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  /** Receives whether leases can be renewed, and whether the streams exist and accept messages. */
  readonly vitals?: VitalSigns;
}

/** How to log in to the system account. */
interface SystemLogin {
  readonly user: string;
  readonly passwordPath: string;
}

/** The ports that one connection provides. */
export interface NatsBus {
  readonly publisher: Publisher;
  readonly work: WorkSource;
  readonly live: LiveFeed;
  readonly events: EventLogs;
  readonly eventConsumers: EventConsumers;
  readonly membership: Membership;
  readonly leases: ShardLeases;
  readonly config: SharedConfig;
  readonly quarantines: QueueQuarantines;
  readonly shardClient: ShardClient;
  readonly shardServer: ShardServer;
  /** How existing streams, buckets and consumers differ from the wanted configuration. They are left as they are. */
  differences(): readonly Difference[];
  health(): BusHealth;
  /** Answers the logins of followers, with a login of its own for the system account. */
  openFollowerDoor(options: Omit<FollowerDoorOptions, 'clock' | 'log' | 'system'> & SystemLogin): Promise<FollowerDoor>;
  requestNode(nodeId: string, verb: string, payload: unknown, timeoutMs: number): Promise<unknown>;
  serveNode(nodeId: string, handler: NodeHandler, face?: NodeFace): () => void;
  close(): Promise<void>;
}

/**
 * Connects to NATS. Rejects with BROKER_UNAVAILABLE if no server answers in time, the login is refused, or the server
 * is too old. Nothing stays open after a rejection.
 */
export async function connectNats(options: ConnectNatsOptions): Promise<NatsBus> {
  const limits = { ...defaultNatsLimits, ...options.limits };
  const { clock, log } = options;
  const link = await openLink({ ...options, connectTimeoutMs: limits.connectTimeoutMs });
  try {
    const version = link.connection.info?.version ?? 'unknown';
    if (checkServerVersion(version) === 'old') log.warn({ version }, 'nats-server is older than recommended');
    const names = natsNames(options.subjectRoot ?? 'troupe', options.eventStreams);
    const topology = new Topology({ link, names, limits, replicas: options.replicas ?? 1, log });
    const vitals = options.vitals ?? new VitalSigns(clock);
    const guard = new StreamGuard({ link, topology, clock, log, vitals, checkMs: limits.identityCheckMs });
    // JetStream may start later than the server: a cluster must elect a leader first.
    const asks = new PatientAsks({ clock, log, silenceMaxMs: limits.connectTimeoutMs });
    await asks.ask('streams and buckets', () => guard.start());
    return assemble(options, { link, names, limits, topology, guard, vitals });
  } catch (error) {
    await link.close();
    throw error;
  }
}

interface Ground {
  readonly link: NatsLink;
  readonly names: NatsNames;
  readonly limits: NatsLimits;
  readonly topology: Topology;
  readonly guard: StreamGuard;
  readonly vitals: VitalSigns;
}

function assemble(options: ConnectNatsOptions, ground: Ground): NatsBus {
  const { link, names, limits, topology, guard, vitals } = ground;
  const { clock } = options;
  const mux = new ReplyMux(link, clock);
  const requester = new Requester(link, mux, limits.requestsWaiting);
  const buckets = {
    nodes: openBucket(options, ground, names.nodesBucket, vitals),
    leases: openBucket(options, ground, names.leasesBucket, vitals),
    config: openBucket(options, ground, names.configBucket),
    marks: openBucket(options, ground, names.configBucket),
  };
  const membership = new NatsMembership({
    link,
    guard,
    clock,
    bucket: buckets.nodes,
    ttlMs: topology.ttlMs(names.nodesBucket),
  });
  const leases = new NatsShardLeases({
    link,
    guard,
    clock,
    bucket: buckets.leases,
    ttlMs: topology.ttlMs(names.leasesBucket),
  });
  const config = new NatsSharedConfig(buckets.config, guard);
  const work = new NatsWorkSource({ ...options, ...ground });
  const nodeLink = new NatsNodeLink({ link, requester, names, maxInProgress: limits.requestsInProgress, clock });
  const quarantines = new NatsQueueMarks(buckets.marks, guard);
  return {
    publisher: new NatsPublisher({ ...ground, mux, telemetry: options.telemetry, vitals }),
    work,
    live: new NatsLiveFeed(link, names),
    events: new NatsEventLogs({ ...ground, clock, log: options.log }),
    eventConsumers: createEventConsumers(ground),
    membership,
    leases,
    config,
    quarantines,
    shardClient: new NatsShardClient(requester, names),
    shardServer: new NatsShardServer(link, names, limits.requestsInProgress),
    differences: () => topology.differences,
    health: () => ({
      connected: link.connected,
      publishing: guard.isSure,
      ...given({ server: link.server }),
    }),
    openFollowerDoor: (login) => openDoor(options, ground, login),
    requestNode: (nodeId, verb, payload, timeoutMs) => nodeLink.request(nodeId, verb, payload, timeoutMs),
    serveNode: (nodeId, handler, face) => nodeLink.serve(nodeId, handler, face),
    close: async () => {
      guard.close();
      membership.close();
      leases.close();
      config.close();
      quarantines.close();
      work.close();
      await settled(clock, Object.values(buckets));
      await link.close();
    },
  };
}

function openDoor(
  options: ConnectNatsOptions,
  { link, limits }: Ground,
  { user, passwordPath, ...seeds }: Parameters<NatsBus['openFollowerDoor']>[0],
): Promise<FollowerDoor> {
  const { clock, log } = options;
  const login = { kind: 'user', user, passwordPath } as const;
  const { connectTimeoutMs } = limits;
  const system = { ...options, name: `${options.name} (followers)`, login, connectTimeoutMs };
  return openFollowerDoor(link, { ...seeds, clock, log, system });
}

/** Closing does not wait longer than this for watches that are still being opened. */
const settleMaxMs = 1_000;

async function settled(clock: Clock, buckets: readonly KeyBucket[]): Promise<void> {
  let cancel: () => void = () => undefined;
  const late = new Promise<void>((resolve) => {
    cancel = clock.setTimer(settleMaxMs, resolve);
  });
  await Promise.race([Promise.all(buckets.map((bucket) => bucket.settled())), late]);
  cancel();
}

/** Reads and writes of keys must end well within the duration of a lease. */
const keyTimeoutMs = 2_000;

function openBucket(options: ConnectNatsOptions, ground: Ground, bucket: string, vitals?: VitalSigns): KeyBucket {
  const { link, guard, limits } = ground;
  const timeoutMs = Math.min(limits.apiTimeoutMs, keyTimeoutMs);
  return new KeyBucket({
    link,
    guard,
    clock: options.clock,
    log: options.log,
    bucket,
    timeoutMs,
    ...given({ vitals }),
  });
}
