/**
 * From a request to the spec that the cluster remembers: everything checked, every default filled in (job before
 * handler before queue). Pure. All that is wrong is reported at once; only then what is not there.
 */
import { TroupeError } from '../domain/errors.ts';
import type { HandlerManifest } from '../domain/handler-manifest.ts';
import type { JobSpec, Payload } from '../domain/job.ts';
import { defaultQueueSettings, handlerNamePattern, namePattern } from '../domain/queue.ts';
import type { Queue } from '../domain/queue.ts';
import { FieldChecks } from './field-checks.ts';
import { parseJson } from './json-input.ts';
import { payloadBytes } from './job-request.ts';
import type { JobRequest, RequestPayload } from './job-request.ts';
import type { InputValidator } from './ports/input-validator.ts';
import { checkRetry, executionTimeoutRange, mergeRetry, retentionRange } from './settings-checks.ts';

/** Most characters of an idempotency key. */
const idempotencyKeyMax = 256;

export interface Resolution {
  readonly spec: Omit<JobSpec, 'input'>;
  readonly input: RequestPayload;
  readonly inputBytes: number;
}

export interface ResolutionFacts {
  readonly tenant: string;
  readonly queueName: string;
  readonly queue: Queue | undefined;
  readonly manifest: HandlerManifest | undefined;
  readonly nowMs: number;
  readonly payloadMaxBytes: number;
  readonly validator: InputValidator;
  readonly traceparent?: string | undefined;
}

const noInput: RequestPayload = { kind: 'json', json: 'null' };

export function resolveJob(request: JobRequest, facts: ResolutionFacts): Resolution {
  const input = request.input ?? noInput;
  const inputBytes = payloadBytes(input);
  if (inputBytes > facts.payloadMaxBytes) throw payloadTooLarge(inputBytes, facts.payloadMaxBytes);
  const checks = new FieldChecks();
  checks.pattern('job.handler', request.handler, handlerNamePattern);
  checks.pattern('job.queue', facts.queueName, namePattern);
  checks.length('idempotency_key', request.idempotencyKey, idempotencyKeyMax);
  const retentionMs = request.retentionMs ?? facts.queue?.settings.retentionMs ?? defaultQueueSettings.retentionMs;
  checkTimes(checks, request, retentionMs, facts.nowMs);
  checkRetry(checks, 'job.retry', request.retry);
  checkInput(checks, input, facts);
  if (checks.violations.length > 0) throw new TroupeError('INVALID_JOB_SPEC', { violations: checks.violations });
  const { queue, manifest } = facts;
  if (!queue) throw new TroupeError('QUEUE_NOT_FOUND', { metadata: { queue: facts.queueName } });
  if (!manifest) throw new TroupeError('UNKNOWN_HANDLER', { metadata: { handler: request.handler } });
  return { spec: fillIn(request, queue, manifest, facts), input, inputBytes };
}

function checkTimes(checks: FieldChecks, request: JobRequest, retentionMs: number, nowMs: number): void {
  checks.range('job.retention', request.retentionMs, retentionRange);
  checks.range('job.execution_timeout', request.executionTimeoutMs, executionTimeoutRange);
  const withinRetention = { min: 1, max: retentionMs, text: `1 ms to the retention (${String(retentionMs)} ms)` };
  checks.range('job.queue_timeout', request.queueTimeoutMs, withinRetention);
  checks.range('job.total_timeout', request.totalTimeoutMs, withinRetention);
  if (request.runAtMs !== undefined && request.runAtMs >= nowMs + retentionMs) {
    checks.add('job.run_time', `must lie within the retention (${String(retentionMs)} ms from now)`);
  }
}

function checkInput(checks: FieldChecks, input: RequestPayload, facts: ResolutionFacts): void {
  const { manifest } = facts;
  if (input.kind === 'bytes') {
    if (manifest?.inputKind === 'json') checks.add('job.input.data', 'the handler takes JSON');
    return;
  }
  if (manifest?.inputKind === 'bytes') {
    checks.add('job.input.json', 'the handler takes bytes');
    return;
  }
  const parsed = parseJson(input.json);
  if (!parsed.ok) checks.add('job.input.json', parsed.why);
  else if (manifest?.inputSchema) {
    for (const { pointer, description } of facts.validator.validate(manifest, parsed.value)) {
      checks.add(`job.input.json${pointer}`, description);
    }
  }
}

function fillIn(
  request: JobRequest,
  queue: Queue,
  manifest: HandlerManifest,
  facts: ResolutionFacts,
): Omit<JobSpec, 'input'> {
  const { settings } = queue;
  return {
    tenant: facts.tenant,
    queue: queue.name,
    queueNo: queue.queueNo,
    handler: request.handler,
    ...(request.runAtMs !== undefined && request.runAtMs > facts.nowMs && { runAtMs: request.runAtMs }),
    ...(request.queueTimeoutMs !== undefined && { queueTimeoutMs: request.queueTimeoutMs }),
    executionTimeoutMs: request.executionTimeoutMs ?? manifest.executionTimeoutMs ?? settings.executionTimeoutMs,
    ...(request.totalTimeoutMs !== undefined && { totalTimeoutMs: request.totalTimeoutMs }),
    retry: mergeRetry([request.retry, manifest.retry], settings.retry),
    retentionMs: request.retentionMs ?? settings.retentionMs,
    ...(request.idempotencyKey !== '' && { idempotencyKey: request.idempotencyKey }),
    ...(facts.traceparent !== undefined && { traceparent: facts.traceparent }),
  };
}

/** The form in which a small input lies in the record. */
export function inlinePayload(input: RequestPayload): Payload {
  if (input.kind === 'json') return input;
  const { buffer, byteOffset, byteLength } = input.bytes;
  return { kind: 'bytes', base64: Buffer.from(buffer, byteOffset, byteLength).toString('base64') };
}

function payloadTooLarge(bytes: number, maxBytes: number): TroupeError {
  return new TroupeError('PAYLOAD_TOO_LARGE', {
    metadata: { payloadBytes: String(bytes), payloadMaxBytes: String(maxBytes) },
    violations: [{ field: 'job.input', description: `has ${String(bytes)} bytes, allowed are ${String(maxBytes)}` }],
  });
}
