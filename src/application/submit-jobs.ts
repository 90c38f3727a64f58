/**
 * Accepts jobs: check, place the payload, send to the owner of a shard. Nothing is stored for a request that is refused
 * here; a payload whose job the shard then refuses is an orphan that expires by itself.
 */
import { randomUUID } from 'node:crypto';
import { TroupeError } from '../domain/errors.ts';
import type { Payload } from '../domain/job.ts';
import { inlineLimit, payloadsKeptMs } from '../domain/payload-life.ts';
import { defaultQueueName } from './queue-names.ts';
import { ensureAwaited } from './call-context.ts';
import type { CallContext } from './call-context.ts';
import { chooseHandler } from './handler-choice.ts';
import type { HandlerChoice } from './handler-choice.ts';
import type { HandlerFleet } from './handler-fleet.ts';
import { fingerprint, uniqueHash } from './job-fingerprint.ts';
import type { JobFingerprint } from './job-fingerprint.ts';
import type { AcceptedJob, JobRequest } from './job-request.ts';
import { limitHash } from './limit-home.ts';
import { inlinePayload, resolveJob } from './job-resolution.ts';
import type { Resolution } from './job-resolution.ts';
import type { LateCheck } from './late-check.ts';
import type { InputValidator } from './ports/input-validator.ts';
import type { SharedConfig } from './ports/membership.ts';
import { payloadMarginMs } from './ports/payload-store.ts';
import type { PayloadStore } from './ports/payload-store.ts';
import type { Clock } from './ports/runtime.ts';
import type { QueueCatalog } from './queue-catalog.ts';
import type { QueueRoom } from './queue-room.ts';
import type { ShardBatcher } from './shard-batcher.ts';
import type { ShardChoice } from './shard-choice.ts';
import type { SubmitItem, SubmitResult } from './shard-protocol.ts';

/** Larger inputs go to the payload store. */
export const inlineMaxBytes = 1_024;
/** Jobs in one SubmitJobs call. */
export const submitBatchMax = 1_000;
/** Shards that a job without a key is offered to while owners are away. */
const shardAttempts = 3;

export interface SubmitParts {
  readonly batcher: ShardBatcher;
  readonly shards: ShardChoice;
  readonly catalog: QueueCatalog;
  readonly room: QueueRoom;
  readonly lateCheck: LateCheck;
  readonly config: Pick<SharedConfig, 'manifestsOf'>;
  readonly fleet: Pick<HandlerFleet, 'versionsOf'>;
  readonly payloads: PayloadStore;
  readonly validator: InputValidator;
  readonly clock: Clock;
  /** Hard limit of one input. */
  readonly payloadMaxBytes: number;
}

interface CheckedJob {
  readonly request: JobRequest;
  readonly resolution: Resolution;
  readonly nowMs: number;
}

export type SubmitOutcome = { readonly ok: AcceptedJob } | { readonly error: TroupeError };

export interface SubmitJobs {
  one(context: CallContext, request: JobRequest): Promise<AcceptedJob>;
  /** Each for itself; rejects only when the batch as a whole is not valid. */
  many(context: CallContext, requests: readonly JobRequest[]): Promise<readonly SubmitOutcome[]>;
}

export function createSubmitJobs(parts: SubmitParts): SubmitJobs {
  const { batcher, shards, catalog, clock } = parts;

  async function one(context: CallContext, request: JobRequest, shard?: number): Promise<AcceptedJob> {
    const nowMs = clock.nowMs();
    ensureAwaited(context, nowMs);
    const queueName = request.queue === '' ? defaultQueueName : request.queue;
    const { tenant } = context;
    const queue = catalog.known(tenant, queueName) ?? (await catalog.find(tenant, queueName));
    const resolution = resolveJob(request, {
      tenant,
      queueName,
      queue,
      choice: choiceOf(parts, request),
      nowMs,
      payloadMaxBytes: parts.payloadMaxBytes,
      validator: parts.validator,
      traceparent: context.traceparent,
    });
    await parts.lateCheck(resolution.spec);
    const leave = await parts.room.enter(resolution.queue, resolution.inputBytes);
    try {
      return await accept(context, { request, resolution, nowMs }, shard);
    } finally {
      leave();
    }
  }

  async function accept(context: CallContext, checked: CheckedJob, shard?: number): Promise<AcceptedJob> {
    const { request, resolution, nowMs } = checked;
    const print = fingerprint(context.tenant, request);
    const small = resolution.inputBytes <= inlineLimit(resolution.spec, inlineMaxBytes);
    const input = small ? inlinePayload(resolution.input) : await storeInput(parts.payloads, resolution, print, nowMs);
    const { record, duplicate } = await send(context, { spec: { ...resolution.spec, input }, ...print }, shard);
    // The repeat of a submit whose job has been erased since wrote the payload once more.
    if (record.payloadsErasedAtMs !== undefined && input.kind === 'ref') await parts.payloads.deletePayload(input.id);
    return { jobId: record.id, state: record.state, duplicate };
  }

  async function send(context: CallContext, item: SubmitItem, preferred?: number): Promise<SubmitResult> {
    const deadline = context.deadlineAtMs === undefined ? {} : { deadlineAtMs: context.deadlineAtMs };
    const home = homeOf(item);
    if (home !== undefined) return batcher.call(shards.ofKey(home), 'submit', item, deadline);
    for (let attempt = 0; ; attempt += 1) {
      const shard = shards.begin(attempt, limitShardOf(item, shards) ?? preferred);
      try {
        return await batcher.call(shard, 'submit', item, deadline);
      } catch (error) {
        // Nobody listened, so nothing was done: another shard may have the job.
        const away = error instanceof TroupeError && error.code === 'SHARD_UNAVAILABLE';
        if (!away || attempt + 1 >= shardAttempts) throw error;
      } finally {
        shards.ended(shard);
      }
    }
  }

  async function many(context: CallContext, requests: readonly JobRequest[]): Promise<readonly SubmitOutcome[]> {
    ensureAwaited(context, clock.nowMs());
    if (requests.length === 0 || requests.length > submitBatchMax) {
      const description = `must hold 1 to ${String(submitBatchMax)} jobs, not ${String(requests.length)}`;
      throw new TroupeError('INVALID_ARGUMENT', { violations: [{ field: 'requests', description }] });
    }
    // Together, so that they share commits.
    const shard = shards.peek();
    return Promise.all(
      requests.map((request) =>
        one(context, request, shard).then(
          (ok) => ({ ok }),
          (error: unknown) => ({ error: TroupeError.from(error) }),
        ),
      ),
    );
  }

  return { one: (context, request) => one(context, request), many };
}

function choiceOf({ config, fleet }: SubmitParts, request: JobRequest): HandlerChoice | undefined {
  const { handler, handlerVersion } = request;
  return chooseHandler(config.manifestsOf(handler), handlerVersion, () => fleet.versionsOf(handler));
}

/** The same keyed request gets the same payload id, so that a repeated call writes nothing new. */
async function storeInput(
  payloads: PayloadStore,
  { input, inputBytes, spec }: Resolution,
  print: JobFingerprint | undefined,
  nowMs: number,
): Promise<Payload> {
  const id = print ? `in-${print.keyHash}-${print.contentHash}` : `in-${randomUUID()}`;
  const bytes = input.kind === 'json' ? Buffer.from(input.json) : input.bytes;
  await payloads.putPayload({ id, bytes, expiresAtMs: nowMs + payloadsKeptMs(spec) + payloadMarginMs });
  return { kind: 'ref', id, bytes: inputBytes, encoding: input.kind };
}

/** At the home of the limit of its concurrency key a job needs no other shard's word to start. */
function limitShardOf({ spec }: SubmitItem, shards: Pick<ShardChoice, 'ofKey'>): number | undefined {
  const { tenant, queue, concurrencyKey: key } = spec;
  return key === undefined ? undefined : shards.ofKey(limitHash({ tenant, queue, key }));
}

/** One shard decides about a unique key; an idempotency key given with it lies there as well. */
function homeOf({ spec, keyHash }: SubmitItem): string | undefined {
  return spec.unique === undefined ? keyHash : uniqueHash(spec.tenant, spec.unique.key);
}
