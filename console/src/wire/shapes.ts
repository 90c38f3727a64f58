/**
 * What the console reads of the contract's messages, in proto3 JSON: times and durations are texts, 64-bit numbers are
 * texts, enums are names, and what has its default is absent. A test compares the names with the contract.
 */
type Words = Readonly<Record<string, string>>;

export interface Quantiles {
  readonly p50?: string;
  readonly p90?: string;
  readonly p99?: string;
}

export interface WhoAmI {
  readonly principal?: string;
  readonly kind?: string;
  readonly tenant?: string;
  readonly roles?: readonly string[];
  readonly permissions?: readonly string[];
  readonly expireTime?: string;
}

export interface Payload {
  readonly json?: string;
  readonly data?: string;
  readonly gone?: string;
  readonly largeBytes?: string;
  readonly withheldBytes?: string;
}

export interface RetryPolicy {
  readonly maxAttempts?: number;
  readonly initialDelay?: string;
  readonly coefficient?: number;
  readonly maxDelay?: string;
  readonly maxLosses?: number;
}

export interface JobSpec {
  readonly handler?: string;
  readonly queue?: string;
  readonly input?: Payload;
  readonly runTime?: string;
  readonly queueTimeout?: string;
  readonly executionTimeout?: string;
  readonly totalTimeout?: string;
  readonly retry?: RetryPolicy;
  readonly retention?: string;
  readonly handlerVersion?: string;
  readonly labels?: Words;
  readonly unique?: { readonly key?: string };
  readonly heartbeatTimeout?: string;
  readonly priority?: number;
  readonly concurrencyKey?: string;
  readonly fairnessKey?: string;
}

export interface Failure {
  readonly reason?: string;
  readonly message?: string;
  readonly code?: string;
  readonly stack?: string;
  readonly causes?: readonly { readonly message?: string; readonly code?: string }[];
}

export interface FailureKind {
  readonly id?: string;
  readonly handler?: string;
  readonly reason?: string;
  readonly code?: string;
  readonly message?: string;
  readonly frame?: string;
  readonly jobs?: number;
  readonly firstTime?: string;
  readonly lastTime?: string;
  readonly sampleJobIds?: readonly string[];
}

export interface Attempt {
  readonly number?: number;
  readonly node?: string;
  readonly startTime?: string;
  readonly endTime?: string;
  readonly outcome?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly code?: string;
}

export interface JobEvent {
  readonly seq?: number;
  readonly type?: string;
  readonly time?: string;
  readonly attempt?: number;
  readonly reason?: string;
  readonly node?: string;
  readonly caller?: string;
}

export interface Waiting {
  readonly reason?: string;
  readonly ahead?: number;
  readonly etaP50?: string;
  readonly etaP90?: string;
  readonly detail?: string;
}

export interface Job {
  readonly id?: string;
  readonly spec?: JobSpec;
  readonly state?: string;
  readonly seq?: number;
  readonly attempt?: number;
  readonly failures?: number;
  readonly losses?: number;
  readonly createTime?: string;
  readonly updateTime?: string;
  readonly readyTime?: string;
  readonly firstStartTime?: string;
  readonly endTime?: string;
  readonly expireTime?: string;
  readonly run?: { readonly attempt?: number; readonly node?: string; readonly startTime?: string };
  readonly progress?: { readonly fraction?: number; readonly note?: string };
  readonly output?: Payload;
  readonly failure?: Failure;
  readonly cancelReason?: string;
  readonly history?: readonly JobEvent[];
  readonly retryOf?: string;
  readonly oomRetries?: number;
  readonly attempts?: readonly Attempt[];
  readonly waiting?: Waiting;
  readonly payloadsEraseTime?: string;
  readonly checkpoint?: { readonly attempt?: number; readonly time?: string; readonly sizeBytes?: string };
  readonly withheld?: boolean;
}

export interface LogLine {
  readonly attempt?: number;
  readonly number?: number;
  readonly time?: string;
  readonly level?: string;
  readonly text?: string;
}

export interface JobLog {
  readonly lines?: readonly LogLine[];
  readonly skipped?: number;
}

export interface FlowRule {
  readonly paused?: boolean;
  readonly maxRunning?: number;
  readonly maxRunningPerKey?: number;
  readonly rate?: { readonly perSecond?: number; readonly burst?: number };
  readonly fairnessWeights?: Readonly<Record<string, number>>;
}

export interface QueueSettings {
  readonly executionTimeout?: string;
  readonly retry?: RetryPolicy;
  readonly retention?: string;
  readonly heartbeatTimeout?: string;
  readonly payloadRetention?: string;
  readonly maxDepth?: number;
  readonly maxBytes?: string;
  readonly flow?: FlowRule;
  readonly publishedEvents?: string;
}

export interface Queue {
  readonly name?: string;
  readonly settings?: QueueSettings;
  readonly version?: number;
  readonly createTime?: string;
  readonly updateTime?: string;
  readonly quarantines?: readonly { readonly node?: string; readonly reason?: string; readonly time?: string }[];
}

export interface QueueStats {
  readonly waiting?: number;
  readonly waitingByPriority?: readonly number[];
  readonly dueLater?: number;
  readonly running?: number;
  readonly bytes?: string;
  readonly oldestAge?: string;
  readonly arrivalsPerSecond?: number;
  readonly startsPerSecond?: number;
  readonly endsPerSecond?: number;
  readonly wait?: Quantiles;
  readonly run?: Quantiles;
  readonly shards?: number;
  readonly silentShards?: number;
  readonly time?: string;
}

export interface Node {
  readonly id?: string;
  readonly incarnation?: string;
  readonly state?: string;
  readonly roles?: readonly string[];
  readonly version?: string;
  readonly startTime?: string;
  readonly slotsTotal?: number;
  readonly slotsFree?: number;
  readonly runs?: number;
  readonly handlers?: readonly { readonly name?: string; readonly version?: string }[];
  readonly shards?: number;
  readonly eventLoopUtilization?: number;
  readonly rssBytes?: string;
  readonly machineLoad?: number;
  readonly workerClass?: string;
}

export interface Shard {
  readonly number?: number;
  readonly state?: string;
  readonly node?: string;
  readonly epoch?: string;
  readonly leaseAge?: string;
  readonly backlog?: string;
  readonly undurable?: string;
  readonly outbox?: string;
  readonly lastCommitAge?: string;
}

export interface Actor {
  readonly node?: string;
  readonly path?: string;
  readonly kind?: string;
  readonly state?: string;
  readonly startTime?: string;
  readonly restarts?: number;
  readonly mailboxSize?: number;
  readonly mailboxCapacity?: number;
  readonly messageRate?: number;
  readonly busyShare?: number;
  readonly lastError?: string;
  readonly lastErrorTime?: string;
  readonly facts?: Words;
  readonly run?: {
    readonly jobId?: string;
    readonly handler?: string;
    readonly progress?: number;
    readonly note?: string;
  };
}
