/** The messages that several services use. Made by scripts/contract-types.ts from proto/; do not edit. */

/** 64-bit numbers: plain when encoding, an object with toNumber() when decoded. */
export type Int64 = number | { toNumber(): number };

export interface Payload {
  readonly json?: string;
  readonly data?: Uint8Array;
  readonly gone?: number;
  readonly largeBytes?: Int64;
  readonly withheldBytes?: Int64;
  readonly kind?: 'json' | 'data' | 'gone' | 'largeBytes' | 'withheldBytes';
}

export interface RetryPolicy {
  readonly maxAttempts: number | null;
  readonly initialDelay: Duration | null;
  readonly coefficient: number | null;
  readonly maxDelay: Duration | null;
  readonly nonRetryableCodes: ErrorCodes | null;
  readonly maxLosses: number | null;
}

export interface ErrorCodes {
  readonly codes: readonly string[];
}

export interface JobSpec {
  readonly handler: string;
  readonly queue: string;
  readonly input: Payload | null;
  readonly runTime: Timestamp | null;
  readonly queueTimeout: Duration | null;
  readonly executionTimeout: Duration | null;
  readonly totalTimeout: Duration | null;
  readonly retry: RetryPolicy | null;
  readonly retention: Duration | null;
  readonly handlerVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly unique: UniqueKey | null;
  readonly heartbeatTimeout?: Duration;
  readonly noHeartbeatTimeout?: boolean;
  readonly priority: number | null;
  readonly payloadRetention: Duration | null;
  readonly refuseLate: boolean;
  readonly concurrencyKey: string;
  readonly fairnessKey: string;
  readonly heartbeat?: 'heartbeatTimeout' | 'noHeartbeatTimeout';
}

export interface UniqueKey {
  readonly key: string;
  readonly onConflict: number;
  readonly window: Duration | null;
}

export interface JobFailure {
  readonly reason: number;
  readonly message: string;
  readonly code: string;
  readonly stack: string;
  readonly causes: readonly FailureCause[];
}

export interface FailureCause {
  readonly message: string;
  readonly code: string;
}

export interface JobProgress {
  readonly fraction: number;
  readonly note: string;
}

export interface JobCheckpoint {
  readonly attempt: number;
  readonly time: Timestamp | null;
  readonly sizeBytes: Int64;
}

export interface JobLogLine {
  readonly attempt: number;
  readonly number: number;
  readonly time: Timestamp | null;
  readonly level: number;
  readonly text: string;
}

export interface JobLog {
  readonly lines: readonly JobLogLine[];
  readonly skipped: number;
}

export interface JobRun {
  readonly attempt: number;
  readonly node: string;
  readonly startTime: Timestamp | null;
}

export interface JobEvent {
  readonly seq: number;
  readonly type: number;
  readonly time: Timestamp | null;
  readonly attempt: number;
  readonly reason: number;
  readonly node: string;
  readonly caller: string;
}

export interface JobAttempt {
  readonly number: number;
  readonly node: string;
  readonly startTime: Timestamp | null;
  readonly endTime: Timestamp | null;
  readonly outcome: number;
  readonly reason: number;
  readonly message: string;
  readonly code: string;
}

export interface Job {
  readonly id: string;
  readonly spec: JobSpec | null;
  readonly state: number;
  readonly seq: number;
  readonly attempt: number;
  readonly failures: number;
  readonly losses: number;
  readonly createTime: Timestamp | null;
  readonly updateTime: Timestamp | null;
  readonly readyTime: Timestamp | null;
  readonly firstStartTime: Timestamp | null;
  readonly endTime: Timestamp | null;
  readonly expireTime: Timestamp | null;
  readonly run: JobRun | null;
  readonly progress: JobProgress | null;
  readonly output: Payload | null;
  readonly failure: JobFailure | null;
  readonly cancelReason: string;
  readonly history: readonly JobEvent[];
  readonly retryOf: string;
  readonly oomRetries: number;
  readonly attempts: readonly JobAttempt[];
  readonly waiting: JobWaiting | null;
  readonly payloadsEraseTime: Timestamp | null;
  readonly payloadsExpireTime: Timestamp | null;
  readonly checkpoint: JobCheckpoint | null;
  readonly withheld: boolean;
}

export interface JobWaiting {
  readonly reason: number;
  readonly ahead: number | null;
  readonly etaP50: Duration | null;
  readonly etaP90: Duration | null;
  readonly detail: string;
}

export interface FieldMask {
  readonly paths: readonly string[];
}

export interface Timestamp {
  readonly seconds: Int64;
  readonly nanos: number;
}

export interface Any {
  readonly type_url: string;
  readonly value: Uint8Array;
}

export interface Duration {
  readonly seconds: Int64;
  readonly nanos: number;
}

export interface Status {
  readonly code: number;
  readonly message: string;
  readonly details: readonly Any[];
}
