/** The enum numbers of the contract for the words of the domain. A new word does not compile until it has a number. */
import { type GoneReason, goneReasons } from '../domain/payload-life.ts';
import {
  type RecordedOutcome,
  recordedOutcomes,
  type FailureReason,
  failureReasons,
  type JobEventType,
  jobEventTypes,
  type JobState,
  jobStates,
  type UniqueConflict,
  uniqueConflicts,
} from '../domain/job.ts';
import { type LogLevel, logLevels } from '../domain/job-log.ts';
import { type WaitingReason, waitingReasons } from '../domain/why-waiting.ts';

export const jobStateCodes = {
  SCHEDULED: 1,
  QUEUED: 2,
  RUNNING: 3,
  RETRYING: 4,
  CANCELLING: 5,
  SUCCEEDED: 6,
  FAILED: 7,
  CANCELLED: 8,
  EXPIRED: 9,
} as const satisfies Record<JobState, number>;

export const failureReasonCodes = {
  HANDLER_FAILED: 1,
  HANDLER_REJECTED: 2,
  HANDLER_NOT_FOUND: 3,
  INVALID_INPUT: 4,
  INVALID_OUTPUT: 5,
  ATTEMPT_TIMED_OUT: 6,
  DEADLINE_EXCEEDED: 7,
  HEARTBEAT_LOST: 8,
  NODE_LOST: 9,
  OUT_OF_MEMORY: 10,
  THREAD_CRASHED: 11,
  POISON: 12,
} as const satisfies Record<FailureReason, number>;

export const jobEventTypeCodes = {
  scheduled: 1,
  queued: 2,
  started: 3,
  retrying: 4,
  cancelling: 5,
  succeeded: 6,
  failed: 7,
  cancelled: 8,
  expired: 9,
} as const satisfies Record<JobEventType, number>;

export const attemptOutcomeCodes = {
  succeeded: 1,
  failed: 2,
  snoozed: 3,
  cancelled: 4,
  lost: 5,
  'given-back': 6,
} as const satisfies Record<RecordedOutcome, number>;

export const logLevelCodes = { debug: 1, info: 2, warn: 3, error: 4 } as const satisfies Record<LogLevel, number>;

export const uniqueConflictCodes = {
  reject: 1,
  'return-existing': 2,
  'replace-waiting': 3,
  replace: 4,
} as const satisfies Record<UniqueConflict, number>;

export const goneReasonCodes = { erased: 1, missing: 2, expired: 3 } as const satisfies Record<GoneReason, number>;

export const payloadChoiceCodes = { output: 1, input: 2 } as const;

/** Returns `undefined` for a number that this version does not know. */
export function goneReasonOf(code: number): GoneReason | undefined {
  return goneReasons.find((reason) => goneReasonCodes[reason] === code);
}

export const waitingReasonCodes = {
  DUE_LATER: 1,
  BACKING_OFF: 2,
  QUEUE_PAUSED: 3,
  QUEUE_QUARANTINED: 4,
  RATE_LIMITED: 5,
  QUEUE_LIMIT: 6,
  KEY_LIMIT: 7,
  NO_NODE_HAS_HANDLER: 8,
  BEHIND_OTHERS: 9,
} as const satisfies Record<WaitingReason, number>;

export function waitingReasonOf(code: number): WaitingReason | undefined {
  return waitingReasons.find((reason) => waitingReasonCodes[reason] === code);
}

/** 0, an unset field, means `reject`. Returns `undefined` for a number that this version does not know. */
export function uniqueConflictOf(code: number): UniqueConflict | undefined {
  return code === 0 ? 'reject' : uniqueConflicts.find((conflict) => uniqueConflictCodes[conflict] === code);
}

/** Returns `undefined` for a number that this version does not know. */
export function jobStateOf(code: number): JobState | undefined {
  return jobStates.find((state) => jobStateCodes[state] === code);
}

export function failureReasonOf(code: number): FailureReason | undefined {
  return failureReasons.find((reason) => failureReasonCodes[reason] === code);
}

export function jobEventTypeOf(code: number): JobEventType | undefined {
  return jobEventTypes.find((type) => jobEventTypeCodes[type] === code);
}

export function attemptOutcomeOf(code: number): RecordedOutcome | undefined {
  return recordedOutcomes.find((outcome) => attemptOutcomeCodes[outcome] === code);
}

export function logLevelOf(code: number): LogLevel | undefined {
  return logLevels.find((level) => logLevelCodes[level] === code);
}
