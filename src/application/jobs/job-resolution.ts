/**
 * Turns a request into the spec that the cluster stores. It checks everything and fills in every default: the job's own
 * value first, then the handler's, then the queue's. Pure. All invalid fields are reported at once. A missing queue or
 * handler is reported only if the fields are valid.
 */
import { fingerprintRange } from '../../domain/payload-codec.ts';
import { type FieldViolation, TroupeError } from '../../domain/errors.ts';
import { concurrencyKeyMax, fairnessKeyMax } from '../../domain/flow-rule.ts';
import type { HandlerManifest } from '../../domain/handler-manifest.ts';
import { isVersionNeed, needText, versionNeedText } from '../../domain/handler-need.ts';
import type { JobSpec, Payload } from '../../domain/job.ts';
import { checkLabels } from '../../domain/labels.ts';
import { isPriority } from '../../domain/priority.ts';
import { defaultQueueSettings, handlerNamePattern, namePattern, type Queue } from '../../domain/queue.ts';
import { executionTimeoutWithin, retentionRange } from '../../domain/setting-ranges.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import { type HandlerChoice, versionFor } from './handler-choice.ts';
import { parseJson } from './json-input.ts';
import { type JobRequest, payloadBytes, type RequestPayload } from './job-request.ts';
import { retentionMaxMs } from '../../domain/record-life.ts';
import type { InputValidator } from '../ports/input-validator.ts';
import {
  checkHeartbeat,
  checkPayloadRetention,
  checkRetry,
  mergeHeartbeat,
  mergeRetry,
} from '../queues/settings-checks.ts';
import { similarText } from '../../domain/similar-names.ts';
import { queueNotFound } from '../queues/queue-names.ts';
import { complete } from '../../domain/given.ts';

const priorityRange = { min: 0, max: 4, text: '0 (lowest) to 4' };
/** Most characters of an idempotency key. */
const idempotencyKeyMax = 256;
const uniqueKeyMax = 256;
/** How far ahead a job may be scheduled. */
const aheadMaxMs = 365 * 24 * 3_600_000;

export interface Resolution {
  readonly queue: Queue;
  readonly spec: Omit<JobSpec, 'input'>;
  readonly input: RequestPayload;
  readonly inputBytes: number;
}

interface KnownNames {
  readonly handlers: () => Iterable<string>;
  readonly queues: () => Iterable<string>;
}

export interface ResolutionFacts {
  readonly tenant: string;
  readonly queueName: string;
  readonly queue: Queue | undefined;
  readonly choice: HandlerChoice | undefined;
  /** Names that the caller may have meant. */
  readonly known: KnownNames;
  readonly nowMs: number;
  readonly payloadMaxBytes: number;
  /** Limit of an input that goes piece by piece from the client to the handler; default that of any other. */
  readonly streamedMaxBytes?: number | undefined;
  readonly validator: InputValidator;
  readonly traceparent?: string | undefined;
  /** Size of an input that is streamed afterwards, as bytes. If absent, the input is in the request. */
  readonly streamedBytes?: number | undefined;
}

const noInput: RequestPayload = { kind: 'json', json: 'null' };
const laterInput: RequestPayload = { kind: 'bytes', bytes: new Uint8Array() };

export function resolveJob(request: JobRequest, facts: ResolutionFacts): Resolution {
  const input = facts.streamedBytes === undefined ? (request.input ?? noInput) : laterInput;
  const inputBytes = facts.streamedBytes ?? payloadBytes(input);
  checkSize(inputBytes, facts);
  const checks = new FieldChecks();
  checks.pattern('job.handler', request.handler, handlerNamePattern);
  const asked = request.handlerVersion;
  if (asked !== undefined && !isVersionNeed(asked)) checks.add('job.handler_version', `must be ${versionNeedText}`);
  checks.pattern('job.queue', facts.queueName, namePattern);
  if (request.unique !== undefined) {
    if (request.unique.key === '') checks.add('job.unique.key', 'is required');
    checks.length('job.unique.key', request.unique.key, uniqueKeyMax);
  }
  checks.length('idempotency_key', request.idempotencyKey, idempotencyKeyMax);
  checks.range('input_fingerprint', request.inputFingerprint?.byteLength, fingerprintRange);
  const kept = keptOf(request, facts);
  for (const { key, description } of checkLabels(request.labels ?? {})) checks.add(`job.labels[${key}]`, description);
  checkTimes(checks, request, kept, facts.nowMs);
  const executionTimeoutMs = executionTimeoutOf(request, facts, kept);
  checkHeartbeat(checks, 'job.heartbeat_timeout', request.heartbeatTimeoutMs, executionTimeoutMs);
  checks.range('job.priority', request.priority, priorityRange);
  checks.length('job.concurrency_key', request.concurrencyKey ?? '', concurrencyKeyMax);
  checks.length('job.fairness_key', request.fairnessKey ?? '', fairnessKeyMax);
  checkRetry(checks, 'job.retry', request.retry);
  const problemsWith = inputChecker(input, facts.validator, inputBytes > facts.payloadMaxBytes);
  for (const { field, description } of problemsWith(facts.choice?.manifests[0])) checks.add(field, description);
  checks.ensureNone('INVALID_JOB_SPEC');
  const { queue, choice } = facts;
  if (!queue) throw queueNotFound(facts.queueName, facts.known.queues());
  if (!choice) throw unknownHandler(request, facts.known);
  const [newest] = choice.manifests;
  const accepts = (manifest: HandlerManifest): boolean =>
    // An unchecked schema counts only for the newest version, because that one represents the handler.
    (manifest === newest || isSchemaChecked(input, manifest)) && problemsWith(manifest).length === 0;
  const version = versionFor(choice, asked, accepts);
  const found = { queue, manifest: choice.manifests[0], version, kept };
  return { spec: fillIn(request, found, facts), queue, input, inputBytes };
}

interface Kept {
  readonly retentionMs: number;
  /** Never longer than the retention. */
  readonly payloadRetentionMs: number;
}

/**
 * A retention that the submitter states counts from the creation. One of the queue counts from the time the job is due.
 */
function keptOf(request: JobRequest, { queue, nowMs }: ResolutionFacts): Kept {
  const settings = queue?.settings ?? defaultQueueSettings;
  const aheadMs = Math.max(0, (request.runAtMs ?? nowMs) - nowMs);
  const retentionMs = request.retentionMs ?? Math.min(settings.retentionMs + aheadMs, retentionMaxMs);
  const ofQueueMs = settings.payloadRetentionMs === undefined ? retentionMs : settings.payloadRetentionMs + aheadMs;
  return { retentionMs, payloadRetentionMs: Math.min(request.payloadRetentionMs ?? ofQueueMs, retentionMs) };
}

function checkTimes(checks: FieldChecks, request: JobRequest, kept: Kept, nowMs: number): void {
  const { retentionMs, payloadRetentionMs } = kept;
  checkPayloadRetention(checks, 'job.payload_retention', {
    retentionMs,
    payloadRetentionMs: request.payloadRetentionMs,
  });
  checks.range('job.retention', request.retentionMs, retentionRange);
  checks.range('job.execution_timeout', request.executionTimeoutMs, executionTimeoutWithin(retentionMs));
  const withinRetention = { min: 1, max: retentionMs, text: `1 ms to the retention (${retentionMs} ms)` };
  checks.range('job.queue_timeout', request.queueTimeoutMs, withinRetention);
  const window = { ...withinRetention, min: 1_000, text: `1 s to the retention (${retentionMs} ms)` };
  checks.range('job.unique.window', request.unique?.windowMs, window);
  checks.range('job.total_timeout', request.totalTimeoutMs, withinRetention);
  const aheadMs = (request.runAtMs ?? nowMs) - nowMs;
  if (aheadMs > aheadMaxMs) checks.add('job.run_time', 'must lie within the next 365 days');
  else if (aheadMs >= retentionMs) {
    checks.add('job.run_time', `must lie within the retention (${retentionMs} ms from now)`);
  } else if (aheadMs >= payloadRetentionMs) {
    checks.add('job.run_time', `must lie within the payload retention (${payloadRetentionMs} ms from now)`);
  }
}

/** Caps an inherited timeout at the retention, because no attempt may outlive that. */
function executionTimeoutOf(request: JobRequest, { choice, queue }: ResolutionFacts, { retentionMs }: Kept): number {
  const settings = queue?.settings ?? defaultQueueSettings;
  const inheritedMs = choice?.manifests[0].executionTimeoutMs ?? settings.executionTimeoutMs;
  return request.executionTimeoutMs ?? Math.min(inheritedMs, retentionMs);
}

/**
 * A schema check of this size blocks the gateway for some ten milliseconds at most. Larger JSON is only checked in the
 * thread.
 */
export const schemaCheckMaxBytes = 262_144;

function isSchemaChecked(input: RequestPayload, { inputSchema }: HandlerManifest): boolean {
  return inputSchema === undefined || payloadBytes(input) <= schemaCheckMaxBytes;
}

/** Returns what is wrong with the input for one version of the handler. The text is parsed once for all versions. */
function inputChecker(
  input: RequestPayload,
  validator: InputValidator,
  mustStream: boolean,
): (manifest: HandlerManifest | undefined) => readonly FieldViolation[] {
  if (input.kind === 'bytes') {
    const refused = [{ field: 'job.input.data', description: 'the handler takes JSON' }];
    const tooLarge = [{ field: 'job.input', description: 'this version of the handler gets its input whole' }];
    return (manifest) => {
      if (manifest?.inputKind === 'json') return refused;
      return mustStream && manifest !== undefined && manifest.inputStreamed !== true ? tooLarge : [];
    };
  }
  let parsed: ReturnType<typeof parseJson> | undefined;
  return (manifest) => {
    if (manifest?.inputKind === 'bytes') return [{ field: 'job.input.json', description: 'the handler takes bytes' }];
    parsed ??= parseJson(input.json);
    if (!parsed.ok) return [{ field: 'job.input.json', description: parsed.why }];
    if (!manifest?.inputSchema || !isSchemaChecked(input, manifest)) return [];
    const violations = validator.validate(manifest, parsed.value);
    return violations.map(({ pointer, description }) => ({ field: `job.input.json${pointer}`, description }));
  };
}

function unknownHandler({ handler, handlerVersion: version }: JobRequest, known: KnownNames): TroupeError {
  const wanted = version === undefined ? handler : needText({ handler, version });
  const message = `no node has announced the handler ${wanted}${similarText(handler, known.handlers())}`;
  if (version === undefined) return new TroupeError('UNKNOWN_HANDLER', { message, metadata: { handler } });
  return new TroupeError('UNKNOWN_HANDLER', { message, metadata: { handler, handlerVersion: version } });
}

interface Found {
  readonly queue: Queue;
  readonly manifest: HandlerManifest;
  readonly version: string | undefined;
  readonly kept: Kept;
}

function fillIn(
  request: JobRequest,
  { queue, manifest, version, kept }: Found,
  facts: ResolutionFacts,
): Omit<JobSpec, 'input'> {
  const { settings } = queue;
  const executionTimeoutMs = executionTimeoutOf(request, facts, kept);
  const heartbeats = [request, manifest, settings].map((layer) => layer.heartbeatTimeoutMs);
  const heartbeatTimeoutMs = mergeHeartbeat(heartbeats, executionTimeoutMs);
  return complete<Omit<JobSpec, 'input'>>({
    tenant: facts.tenant,
    queue: queue.name,
    queueNo: queue.queueNo,
    handler: request.handler,
    handlerVersion: version,
    // The shard decides whether the time is still ahead, because its clock makes the job due.
    runAtMs: request.runAtMs !== undefined && request.runAtMs >= 0 ? request.runAtMs : undefined,
    queueTimeoutMs: request.queueTimeoutMs,
    executionTimeoutMs,
    heartbeatTimeoutMs,
    totalTimeoutMs: request.totalTimeoutMs,
    retry: mergeRetry([request.retry, manifest.retry], settings.retry),
    retentionMs: kept.retentionMs,
    payloadRetentionMs: kept.payloadRetentionMs < kept.retentionMs ? kept.payloadRetentionMs : undefined,
    idempotencyKey: request.idempotencyKey || undefined,
    labels: request.labels !== undefined && Object.keys(request.labels).length > 0 ? request.labels : undefined,
    unique: request.unique,
    concurrencyKey: request.concurrencyKey,
    fairnessKey: request.fairnessKey,
    priority: request.priority !== undefined && isPriority(request.priority) ? request.priority : undefined,
    refuseLate: request.refuseLate === true ? true : undefined,
    retryOf: request.retryOf,
    traceparent: facts.traceparent,
    publishedEvents: settings.publishedEvents,
  });
}

/** The form in which a small input is stored in the record. */
export function inlinePayload(input: RequestPayload): Payload {
  if (input.kind === 'json') return input;
  const { buffer, byteOffset, byteLength } = input.bytes;
  return { kind: 'bytes', base64: Buffer.from(buffer, byteOffset, byteLength).toString('base64') };
}

/** A handler that nobody knows is refused for that. */
function checkSize(bytes: number, facts: ResolutionFacts): void {
  const { payloadMaxBytes, streamedMaxBytes = payloadMaxBytes, streamedBytes, choice } = facts;
  const mostBytes = streamedBytes === undefined ? payloadMaxBytes : streamedMaxBytes;
  if (bytes > mostBytes) throw payloadTooLarge(bytes, mostBytes);
  if (bytes <= payloadMaxBytes || choice === undefined) return;
  const [{ inputStreamed }] = choice.manifests;
  if (inputStreamed !== true)
    throw payloadTooLarge(bytes, payloadMaxBytes, ', because the handler does not read it as a stream');
}

function payloadTooLarge(bytes: number, maxBytes: number, why = ''): TroupeError {
  return new TroupeError('PAYLOAD_TOO_LARGE', {
    metadata: { payloadBytes: String(bytes), payloadMaxBytes: String(maxBytes) },
    violations: [{ field: 'job.input', description: `has ${bytes} bytes, at most ${maxBytes} are allowed${why}` }],
  });
}
