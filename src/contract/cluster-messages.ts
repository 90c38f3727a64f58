/** The messages of the service Cluster. Made by scripts/contract-types.ts from proto/; do not edit. */
import type { DurationQuantiles, Queue } from './queue-messages.ts';
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

export interface GetOverviewRequest {
  readonly queueContains: string;
}

export interface Verdict {
  readonly grade: number;
  readonly sentence: string;
  readonly cause: string;
  readonly command: string;
}

export interface OverviewAlert {
  readonly kind: number;
  readonly grade: number;
  readonly sentence: string;
  readonly subject: string;
  readonly sinceTime: Timestamp | null;
  readonly page: string;
  readonly command: string;
}

export interface OverviewTotals {
  readonly waiting: Int64;
  readonly waitingByPriority: readonly Int64[];
  readonly dueLater: Int64;
  readonly running: Int64;
  readonly pausedWaiting: Int64;
  readonly arrivalsPerSecond: number;
  readonly startsPerSecond: number;
  readonly endsPerSecond: number;
  readonly failedAttemptsPerSecond: number;
  readonly failedJobsPerSecond: number;
  readonly oldestAge: Duration | null;
  readonly wait: DurationQuantiles | null;
  readonly run: DurationQuantiles | null;
}

export interface OverviewQueue {
  readonly name: string;
  readonly waiting: number;
  readonly waitingByPriority: readonly number[];
  readonly dueLater: number;
  readonly running: number;
  readonly oldestAge: Duration | null;
  readonly arrivalsPerSecond: number;
  readonly startsPerSecond: number;
  readonly endsPerSecond: number;
  readonly failedAttemptsPerSecond: number;
  readonly failedJobsPerSecond: number;
  readonly waitP50: Duration | null;
  readonly waitP99: Duration | null;
  readonly paused: boolean;
  readonly quarantined: boolean;
  readonly maxDepth: number | null;
  readonly maxRunning: number | null;
}

export interface OverviewFailure {
  readonly code: string;
  readonly count: number;
  readonly lastTime: Timestamp | null;
  readonly queue: string;
  readonly handler: string;
  readonly jobId: string;
}

export interface NodeCount {
  readonly state: number;
  readonly version: string;
  readonly nodes: number;
}

export interface OverviewCluster {
  readonly nodes: readonly NodeCount[];
  readonly slotsTotal: number;
  readonly slotsUsed: number;
  readonly slotsFree: number;
  readonly shardsUnowned: number;
}

export interface GetOverviewResponse {
  readonly time: Timestamp | null;
  readonly age: Duration | null;
  readonly workFlows: Verdict | null;
  readonly runsSucceed: Verdict | null;
  readonly figuresFresh: Verdict | null;
  readonly alerts: readonly OverviewAlert[];
  readonly alertsOmitted: number;
  readonly totals: OverviewTotals | null;
  readonly queues: readonly OverviewQueue[];
  readonly queuesTotal: number;
  readonly queuesMatching: number;
  readonly failures: readonly OverviewFailure[];
  readonly failuresOmitted: number;
  readonly shards: number;
  readonly silentShards: number;
  readonly cluster: OverviewCluster | null;
  readonly clusterWithheld: boolean;
}

/** Request and response of each method. */
export interface ClusterMethods {
  readonly GetOverview: readonly [GetOverviewRequest, GetOverviewResponse];
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
