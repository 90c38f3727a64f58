/** Maps requests of users to messages of the contract. Values that the wire cannot encode are refused here. */
import { failureReasonCodes, jobStateCodes, publishedEventsCodes, uniqueConflictCodes } from '../contract/codes.ts';
import type { Contract, Init, Whole } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import { toOptionalTime, toTime } from '../contract/time.ts';
import { ownValue } from '../domain/own-value.ts';
import { NotJsonError, strictJson } from '../domain/strict-json.ts';
import { notSayable } from './client-error.ts';
import { toFlow } from './flow.ts';
import type { JobDraft, JobFilterOptions, QueueSettingsInput, RetryInfo } from './job-types.ts';
import { JsonText } from './json-text.ts';

/** Throws INVALID_JOB_SPEC with every field that the wire cannot encode. */
export function toSubmitRequest(
  { jobs }: Pick<Contract, 'jobs'>,
  draft: JobDraft,
  idempotencyKey: string | undefined,
  inputFingerprint?: Uint8Array,
): Init<wire.SubmitJobRequest> {
  const request = { job: specOf(draft), idempotencyKey, inputFingerprint };
  const violations = jobs.SubmitJob.requestViolations(request);
  if (violations.length > 0) throw notSayable('INVALID_JOB_SPEC', violations);
  return request;
}

function specOf(draft: JobDraft): Whole<wire.JobSpec, 'heartbeat'> {
  return {
    handler: draft.handler,
    handlerVersion: draft.handlerVersion,
    queue: draft.queue,
    input: toPayload(draft.input, 'job.input'),
    runTime: draft.runAt && toTime(draft.runAt.getTime()),
    queueTimeout: toOptionalTime(draft.queueTimeoutMs),
    executionTimeout: toOptionalTime(draft.executionTimeoutMs),
    heartbeatTimeout: toOptionalTime(draft.heartbeatTimeoutMs ?? undefined),
    noHeartbeatTimeout: draft.heartbeatTimeoutMs === null ? true : undefined,
    totalTimeout: toOptionalTime(draft.totalTimeoutMs),
    retry: toRetry(draft.retry),
    retention: toOptionalTime(draft.retentionMs),
    payloadRetention: toOptionalTime(draft.payloadRetentionMs),
    labels: draft.labels,
    priority: draft.priority,
    refuseLate: draft.refuseLate,
    concurrencyKey: draft.concurrencyKey,
    fairnessKey: draft.fairnessKey,
    unique: toUnique(draft),
  };
}

function toUnique(draft: JobDraft): Init<wire.UniqueKey> | undefined {
  const { uniqueKey, uniqueWindowMs, onConflict = 'reject' } = draft;
  if (uniqueKey === undefined) return undefined;
  return {
    key: uniqueKey,
    onConflict: codeOf(uniqueConflictCodes, onConflict),
    window: toOptionalTime(uniqueWindowMs),
  };
}

export function toFilter(filter: JobFilterOptions): Init<wire.JobFilter> {
  return {
    states: filter.states?.map((state) => codeOf(jobStateCodes, state)),
    handler: filter.handler,
    labels: filter.labels,
    createdFrom: filter.createdFrom && toTime(filter.createdFrom.getTime()),
    createdBefore: filter.createdBefore && toTime(filter.createdBefore.getTime()),
    failureReasons: filter.failureReasons?.map((reason) => codeOf(failureReasonCodes, reason)),
    failureKind: filter.failureKind,
    endedFrom: filter.endedFrom && toTime(filter.endedFrom.getTime()),
    endedBefore: filter.endedBefore && toTime(filter.endedBefore.getTime()),
  };
}

/** `field` is the name of the payload in the contract, for errors. */
export function toPayload(input: unknown, field: string): Init<wire.Payload> | undefined {
  if (input instanceof Uint8Array) return { data: input };
  if (input instanceof JsonText) return { json: input.text };
  const json = jsonOf(input, field);
  return json === undefined ? undefined : { json };
}

/** Serializes an input. An error names the field within it: `job.input.rows.3`. */
function jsonOf(input: unknown, field: string): string | undefined {
  try {
    return strictJson(input, field);
  } catch (error) {
    if (!(error instanceof NotJsonError)) throw error;
    throw notSayable('INVALID_JOB_SPEC', [{ field: error.path, description: error.problem }], error);
  }
}

/**
 * The wire cannot tell an empty key from no key. An empty key would not make the call safe to repeat, so it is refused.
 */
export function keyGiven(key: string | undefined): string | undefined {
  if (key !== '') return key;
  throw notSayable('INVALID_JOB_SPEC', [{ field: 'idempotency_key', description: 'must not be empty' }]);
}

/** The number of a word. NaN for an unknown word, which the check of the request then refuses. */
function codeOf<Word extends string>(codes: Readonly<Record<Word, number>>, word: Word): number {
  return ownValue(codes, word) ?? Number.NaN;
}

export function toSettings(settings: QueueSettingsInput): Init<wire.QueueSettings> {
  return {
    executionTimeout: toOptionalTime(settings.executionTimeoutMs),
    heartbeatTimeout: toOptionalTime(settings.heartbeatTimeoutMs ?? undefined),
    retry: toRetry(settings.retry),
    retention: toOptionalTime(settings.retentionMs),
    payloadRetention: toOptionalTime(settings.payloadRetentionMs ?? undefined),
    maxDepth: settings.maxDepth,
    maxBytes: settings.maxBytes,
    flow: settings.flow && toFlow(settings.flow),
    publishedEvents: settings.publishedEvents && codeOf(publishedEventsCodes, settings.publishedEvents),
  };
}

/** The paths of the settings that an update changes: all that are given, including null. */
export function givenPaths({ retry = {}, flow = {}, ...settings }: QueueSettingsInput): readonly string[] {
  const values = {
    execution_timeout: settings.executionTimeoutMs,
    heartbeat_timeout: settings.heartbeatTimeoutMs,
    retention: settings.retentionMs,
    payload_retention: settings.payloadRetentionMs,
    max_depth: settings.maxDepth,
    max_bytes: settings.maxBytes,
    published_events: settings.publishedEvents,
    'retry.max_attempts': retry.maxAttempts,
    'retry.initial_delay': retry.initialDelayMs,
    'retry.coefficient': retry.coefficient,
    'retry.max_delay': retry.maxDelayMs,
    'retry.non_retryable_codes': retry.nonRetryableCodes,
    'retry.max_losses': retry.maxLosses,
    'flow.paused': flow.paused,
    'flow.max_running': flow.maxRunning,
    'flow.max_running_per_key': flow.maxRunningPerKey,
    'flow.rate': flow.rate,
    'flow.fairness_weights': flow.fairnessWeights,
  };
  return Object.entries(values).flatMap(([path, value]) => (value === undefined ? [] : [path]));
}

function toRetry(retry: Partial<RetryInfo> | undefined): Whole<wire.RetryPolicy> | undefined {
  if (!retry) return undefined;
  return {
    maxAttempts: retry.maxAttempts,
    initialDelay: toOptionalTime(retry.initialDelayMs),
    coefficient: retry.coefficient,
    maxDelay: toOptionalTime(retry.maxDelayMs),
    nonRetryableCodes: retry.nonRetryableCodes && { codes: retry.nonRetryableCodes },
    maxLosses: retry.maxLosses,
  };
}
