/** The overview as TypeScript programs see it: enums are words, times are Dates, durations are in ms. */
import type { NodeInfo } from './cluster-types.ts';
import type { DurationQuantiles } from './queue-stats.ts';

/** How a verdict turned out. `unspecified` if a newer gateway sent one that this client does not know. */
export type VerdictGradeInfo = 'good' | 'doubtful' | 'bad' | 'unknown' | 'unspecified';

/** The answer to one of three questions about the cluster. */
export interface VerdictInfo {
  /** The answer. `unknown`: nothing is known that could decide it. */
  readonly grade: VerdictGradeInfo;
  /** The answer in one sentence. */
  readonly sentence: string;
  /** The likeliest cause. Empty if all is well. */
  readonly cause: string;
  /** The command to go on with. Empty if there is nothing to do. */
  readonly command: string;
}

/** What is wrong. */
export type AlertKindInfo =
  | 'node-silent'
  | 'shard-unowned'
  | 'shards-silent'
  | 'no-workers'
  | 'jobs-unserved'
  | 'queue-quarantined'
  | 'queue-nearly-full'
  | 'queue-fails'
  | 'quota-nearly-used'
  | 'figures-stale'
  | 'unspecified';

/** A problem that there is now. */
export interface AlertInfo {
  /** What is wrong. */
  readonly kind: AlertKindInfo;
  /** How bad it is. */
  readonly grade: VerdictGradeInfo;
  /** What is wrong in one sentence. */
  readonly sentence: string;
  /** The node, queue, handler, shards or quota. Empty if there is none. */
  readonly subject: string;
  /** Since when it is so, or since when the gateway has seen it. */
  readonly since?: Date;
  /** The page of the documentation that says what to do. */
  readonly page: string;
  /** The command to go on with. */
  readonly command: string;
}

/** Figures that sums and queues have in common. Rates are per second; an event a minute ago counts 1/e. */
export interface OverviewFigures {
  /** QUEUED jobs. */
  readonly waiting: number;
  /** QUEUED jobs by priority: five numbers, priority 0 first. Empty if none waits. */
  readonly waitingByPriority: readonly number[];
  /** SCHEDULED and RETRYING jobs. */
  readonly dueLater: number;
  /** RUNNING and CANCELLING jobs. */
  readonly running: number;
  /** How long the oldest QUEUED job has waited, in ms. Absent if none waits. */
  readonly oldestAgeMs?: number;
  /** Jobs that began to wait, per second. */
  readonly arrivalsPerSecond: number;
  /** Attempts that started, per second. */
  readonly startsPerSecond: number;
  /** Jobs that ended, per second. */
  readonly endsPerSecond: number;
  /** Attempts that failed or were lost, per second. */
  readonly failedAttemptsPerSecond: number;
  /** Jobs that ended FAILED or EXPIRED, per second. */
  readonly failedJobsPerSecond: number;
}

/** Sums over all queues that the caller may read. */
export interface OverviewTotalsInfo extends OverviewFigures {
  /** QUEUED jobs that wait because somebody paused their queue or the tenant. */
  readonly pausedWaiting: number;
  /** Time from QUEUED to the start. Absent if nothing has started lately. */
  readonly wait?: DurationQuantiles;
  /** Time from the start to the end of an attempt. Absent if none has ended lately. */
  readonly run?: DurationQuantiles;
}

/** A queue in the overview. */
export interface OverviewQueueInfo extends OverviewFigures {
  /** Its name. */
  readonly name: string;
  /** Half of the attempts that started lately had waited less, in ms. Absent if none has started. */
  readonly waitP50Ms?: number;
  /** All but one in a hundred had waited less, in ms. */
  readonly waitP99Ms?: number;
  /** Somebody paused the queue, or the tenant. */
  readonly paused: boolean;
  /** Its jobs are not handed out: by all nodes, or by some. */
  readonly quarantined: boolean;
  /** Its `maxDepth`. */
  readonly maxDepth?: number;
  /** Its `flow.maxRunning`. */
  readonly maxRunning?: number;
}

/** What attempts and jobs failed with lately. */
export interface OverviewFailureInfo {
  /** The handler's own error code, or the word of the failure reason. */
  readonly code: string;
  /** About so many in the last five minutes: a failure of five minutes ago counts 1/e. */
  readonly count: number;
  /** When the last one happened. */
  readonly lastAt: Date;
  /** The queue of the last one. */
  readonly queue: string;
  /** The handler of the last one. */
  readonly handler: string;
  /** The job of the last one. Absent for callers who may not read the jobs of that queue. */
  readonly jobId?: string;
}

/** Nodes, slots and shards. All tenants share them. */
export interface OverviewClusterInfo {
  /** By state and version. */
  readonly nodes: readonly { readonly state: NodeInfo['state']; readonly version: string; readonly nodes: number }[];
  /** Threads of workers that answer and are not draining. */
  readonly slotsTotal: number;
  /** Slots in use. */
  readonly slotsUsed: number;
  /** Slots that are free. */
  readonly slotsFree: number;
  /** Shards of which no node says that it owns them. */
  readonly shardsUnowned: number;
}

/** A first page: whether all is well, what is wrong, and the queues that need somebody most. */
export interface OverviewInfo {
  /** When the gateway answered, by the clock of the other times here. */
  readonly at: Date;
  /** Age of the figures at that time, in ms. */
  readonly ageMs: number;
  /** Does work flow? */
  readonly workFlows: VerdictInfo;
  /** Do runs succeed? */
  readonly runsSucceed: VerdictInfo;
  /** Are these figures fresh? */
  readonly figuresFresh: VerdictInfo;
  /** What is wrong now, worst first. */
  readonly alerts: readonly AlertInfo[];
  /** Alerts that are left out. */
  readonly alertsOmitted: number;
  /** Sums over all queues that the caller may read. */
  readonly totals: OverviewTotalsInfo;
  /** Queues, most pressing first; at most 200. */
  readonly queues: readonly OverviewQueueInfo[];
  /** Number of queues that the caller may read. */
  readonly queuesTotal: number;
  /** Number of those that were asked for. */
  readonly queuesMatching: number;
  /** What attempts and jobs failed with, most frequent first. */
  readonly failures: readonly OverviewFailureInfo[];
  /** Codes that are left out. */
  readonly failuresOmitted: number;
  /** Shards of the cluster. */
  readonly shards: number;
  /** Shards that did not answer. Their jobs are not in the figures. */
  readonly silentShards: number;
  /** Nodes, slots and shards. Absent if the caller lacks the permission `cluster.read`. */
  readonly cluster?: OverviewClusterInfo;
}
