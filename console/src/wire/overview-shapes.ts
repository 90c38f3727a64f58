/** What the console reads of Cluster.GetOverview, in proto3 JSON. */
import type { Quantiles } from './shapes.ts';

export interface Verdict {
  readonly grade?: string;
  readonly sentence?: string;
  readonly cause?: string;
  readonly command?: string;
}

export interface OverviewAlert {
  readonly kind?: string;
  readonly grade?: string;
  readonly sentence?: string;
  readonly subject?: string;
  readonly sinceTime?: string;
  readonly page?: string;
  readonly command?: string;
}

export interface OverviewTotals {
  readonly waiting?: string;
  readonly waitingByPriority?: readonly string[];
  readonly dueLater?: string;
  readonly running?: string;
  readonly pausedWaiting?: string;
  readonly arrivalsPerSecond?: number;
  readonly startsPerSecond?: number;
  readonly endsPerSecond?: number;
  readonly failedAttemptsPerSecond?: number;
  readonly failedJobsPerSecond?: number;
  readonly oldestAge?: string;
  readonly wait?: Quantiles;
  readonly run?: Quantiles;
}

export interface OverviewQueue {
  readonly name?: string;
  readonly waiting?: number;
  readonly waitingByPriority?: readonly number[];
  readonly dueLater?: number;
  readonly running?: number;
  readonly oldestAge?: string;
  readonly arrivalsPerSecond?: number;
  readonly startsPerSecond?: number;
  readonly endsPerSecond?: number;
  readonly failedAttemptsPerSecond?: number;
  readonly failedJobsPerSecond?: number;
  readonly waitP50?: string;
  readonly waitP99?: string;
  readonly paused?: boolean;
  readonly quarantined?: boolean;
  readonly maxDepth?: number;
  readonly maxRunning?: number;
}

export interface OverviewFailure {
  readonly code?: string;
  readonly count?: number;
  readonly lastTime?: string;
  readonly queue?: string;
  readonly handler?: string;
  readonly jobId?: string;
}

export interface OverviewCluster {
  readonly nodes?: readonly { readonly state?: string; readonly version?: string; readonly nodes?: number }[];
  readonly slotsTotal?: number;
  readonly slotsUsed?: number;
  readonly slotsFree?: number;
  readonly shardsUnowned?: number;
}

export interface Overview {
  readonly time?: string;
  readonly age?: string;
  readonly workFlows?: Verdict;
  readonly runsSucceed?: Verdict;
  readonly figuresFresh?: Verdict;
  readonly alerts?: readonly OverviewAlert[];
  readonly alertsOmitted?: number;
  readonly totals?: OverviewTotals;
  readonly queues?: readonly OverviewQueue[];
  readonly queuesTotal?: number;
  readonly queuesMatching?: number;
  readonly failures?: readonly OverviewFailure[];
  readonly failuresOmitted?: number;
  readonly shards?: number;
  readonly silentShards?: number;
  readonly cluster?: OverviewCluster;
  readonly clusterWithheld?: boolean;
}
