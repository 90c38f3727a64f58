/**
 * The numbers of the contract's enums for the words used inside. Made by scripts/contract-types.ts from proto/; do not
 * edit. A mapper compiles only while the domain and the contract have the same words.
 */

export const payloadChoiceCodes = { output: 1, input: 2 } as const;

export const payloadGoneCodes = { erased: 1, missing: 2, expired: 3, 'keys-away': 4 } as const;

export const uniqueConflictCodes = { reject: 1, 'return-existing': 2, 'replace-waiting': 3, replace: 4 } as const;

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
} as const;

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
  PAYLOAD_DAMAGED: 13,
} as const;

export const logLevelCodes = { debug: 1, info: 2, warn: 3, error: 4 } as const;

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
} as const;

export const attemptOutcomeCodes = {
  succeeded: 1,
  failed: 2,
  snoozed: 3,
  cancelled: 4,
  lost: 5,
  'given-back': 6,
} as const;

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
  NO_NODE_TAKES_TENANT: 10,
  TENANT_QUOTA: 11,
  KEY_UNAVAILABLE: 12,
} as const;

export const publishedEventsCodes = { all: 1, ends: 2 } as const;

export const nodeStateCodes = { live: 1, draining: 2, silent: 3 } as const;

export const shardStateCodes = { owned: 1, opening: 2, unowned: 3, unknown: 4 } as const;

export const actorStateCodes = {
  starting: 1,
  running: 2,
  stopping: 3,
  waiting: 4,
  quarantined: 5,
  stopped: 6,
  draining: 7,
  silent: 8,
  suspended: 9,
} as const;

export const verdictGradeCodes = { good: 1, doubtful: 2, bad: 3, unknown: 4 } as const;

export const alertKindCodes = {
  'node-silent': 1,
  'shard-unowned': 2,
  'shards-silent': 3,
  'no-workers': 4,
  'jobs-unserved': 5,
  'queue-quarantined': 6,
  'queue-nearly-full': 7,
  'queue-fails': 8,
  'quota-nearly-used': 9,
  'figures-stale': 10,
} as const;

export const principalKindCodes = { subject: 1, operator: 2, anyone: 3, service: 4, certificate: 5 } as const;

export const apiKeyStateCodes = { live: 1, retiring: 2, rotated: 3, revoked: 4, expired: 5 } as const;

export const tenantStateCodes = { ACTIVE: 1, PAUSED: 2, DELETING: 3, DELETED: 4 } as const;

export const deletionPhaseCodes = { queues: 1, accounts: 2, settling: 3, done: 4 } as const;

export const auditDecisionCodes = { allowed: 1, denied: 2 } as const;

export const auditEntryKindCodes = { call: 1, 'denied-calls': 2, lost: 3, damaged: 4 } as const;

export const auditOutcomeCodes = { unknown: 1, succeeded: 2, failed: 3 } as const;

export const auditFaultCodes = { missing: 1, moved: 2, changed: 3, outcome: 4, tail: 5 } as const;
