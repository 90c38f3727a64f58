/** The messages of the service Cluster. Made by scripts/contract-types.ts from proto/; do not edit. */
import type { Queue } from './queue-messages.ts';
import type { Duration, Int64, Timestamp } from './shared-messages.ts';

export interface NodeHandler {
  readonly name: string;
  readonly version: string;
}

export interface Node {
  readonly id: string;
  readonly incarnation: Int64;
  readonly state: number;
  readonly roles: readonly string[];
  readonly version: string;
  readonly startTime: Timestamp | null;
  readonly slotsTotal: number;
  readonly slotsFree: number;
  readonly runs: number;
  readonly handlers: readonly NodeHandler[];
  readonly shards: number;
  readonly eventLoopUtilization: number;
  readonly rssBytes: Int64;
  readonly machineLoad: number;
  readonly workerClass: string;
}

export type ListNodesRequest = Readonly<Record<string, never>>;

export interface ListNodesResponse {
  readonly nodes: readonly Node[];
}

export interface JobCount {
  readonly state: number;
  readonly jobs: Int64;
}

export interface Shard {
  readonly number: number;
  readonly state: number;
  readonly node: string;
  readonly epoch: Int64;
  readonly leaseAge: Duration | null;
  readonly jobs: readonly JobCount[];
  readonly backlog: Int64;
  readonly undurable: Int64;
  readonly outbox: Int64;
  readonly lastCommitAge: Duration | null;
}

export type ListShardsRequest = Readonly<Record<string, never>>;

export interface ListShardsResponse {
  readonly shards: readonly Shard[];
  readonly silentNodes: readonly string[];
}

export interface RunDetail {
  readonly jobId: string;
  readonly attempt: number;
  readonly handler: string;
  readonly cellPid: number | null;
  readonly thread: number | null;
  readonly progress: number;
  readonly note: string;
  readonly pulseTime: Timestamp | null;
  readonly deadline: Timestamp | null;
  readonly suspect: boolean;
}

export interface CellDetail {
  readonly pid: number | null;
  readonly rssBytes: Int64 | null;
  readonly eventLoopUtilization: number;
  readonly threads: number;
  readonly busy: number;
  readonly leaked: number;
}

export interface Actor {
  readonly node: string;
  readonly path: string;
  readonly kind: string;
  readonly state: number;
  readonly startTime: Timestamp | null;
  readonly restarts: number;
  readonly restartsInWindow: number;
  readonly restartLimit: number | null;
  readonly mailboxSize: number;
  readonly mailboxCapacity: number;
  readonly stashed: number;
  readonly messages: Int64;
  readonly messageRate: number;
  readonly busyDuration: Duration | null;
  readonly busyShare: number;
  readonly lastError: string;
  readonly lastErrorTime: Timestamp | null;
  readonly facts: Readonly<Record<string, string>>;
  readonly run?: RunDetail;
  readonly cell?: CellDetail;
  readonly detail?: 'run' | 'cell';
}

export interface GetTreeRequest {
  readonly node: string;
  readonly path: string;
}

export interface GetTreeResponse {
  readonly actors: readonly Actor[];
  readonly omitted: number;
}

export interface WatchTreeRequest {
  readonly node: string;
  readonly path: string;
  readonly interval: Duration | null;
}

export interface ActorKey {
  readonly node: string;
  readonly path: string;
}

export interface WatchTreeResponse {
  readonly changed: readonly Actor[];
  readonly gone: readonly ActorKey[];
  readonly omitted: number;
}

export interface InspectRequest {
  readonly path: string;
  readonly node: string;
}

export interface ActorEvent {
  readonly time: Timestamp | null;
  readonly path: string;
  readonly type: string;
  readonly incarnation: number | null;
  readonly error: string;
}

export interface DeadLetter {
  readonly node: string;
  readonly path: string;
  readonly reason: string;
  readonly message: string;
  readonly time: Timestamp | null;
}

export interface ActorReport {
  readonly actor: Actor | null;
  readonly children: readonly Actor[];
  readonly events: readonly ActorEvent[];
  readonly deadLetters: readonly DeadLetter[];
}

export interface InspectResponse {
  readonly actors: readonly ActorReport[];
  readonly silentNodes: readonly string[];
}

export interface ListDeadLettersRequest {
  readonly node: string;
  readonly path: string;
  readonly limit: number;
}

export interface DeadLetterCount {
  readonly node: string;
  readonly reason: string;
  readonly count: Int64;
}

export interface ListDeadLettersResponse {
  readonly deadLetters: readonly DeadLetter[];
  readonly counts: readonly DeadLetterCount[];
  readonly silentNodes: readonly string[];
}

export interface DrainNodeRequest {
  readonly node: string;
}

export interface DrainNodeResponse {
  readonly node: Node | null;
}

export interface QuarantineQueueRequest {
  readonly queue: string;
  readonly reason: string;
}

export interface QuarantineQueueResponse {
  readonly queue: Queue | null;
}

export interface ResumeQueueRequest {
  readonly queue: string;
}

export interface ResumeQueueResponse {
  readonly queue: Queue | null;
}

export interface ProfileRunRequest {
  readonly jobId: string;
  readonly duration: Duration | null;
}

export interface ProfileRunResponse {
  readonly part: Uint8Array;
}

/** Request and response of each method. */
export interface ClusterMethods {
  readonly ListNodes: readonly [ListNodesRequest, ListNodesResponse];
  readonly ListShards: readonly [ListShardsRequest, ListShardsResponse];
  readonly GetTree: readonly [GetTreeRequest, GetTreeResponse];
  readonly WatchTree: readonly [WatchTreeRequest, WatchTreeResponse];
  readonly Inspect: readonly [InspectRequest, InspectResponse];
  readonly ListDeadLetters: readonly [ListDeadLettersRequest, ListDeadLettersResponse];
  readonly DrainNode: readonly [DrainNodeRequest, DrainNodeResponse];
  readonly QuarantineQueue: readonly [QuarantineQueueRequest, QuarantineQueueResponse];
  readonly ResumeQueue: readonly [ResumeQueueRequest, ResumeQueueResponse];
  readonly ProfileRun: readonly [ProfileRunRequest, ProfileRunResponse];
}
