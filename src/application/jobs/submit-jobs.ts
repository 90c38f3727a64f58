/**
 * Accepts jobs: checks them, stores their payload and sends them to the owner of a shard. A request that is refused
 * here leaves nothing in the store. If the shard refuses the job, its stored payload is deleted (`submit-send.ts`).
 */
import { randomUUID } from 'node:crypto';
import { TroupeError } from '../../domain/errors.ts';
import { payloadsStoredMs } from '../../domain/payload-life.ts';
import { type CallContext, ensureAwaited, whyUnawaited } from '../ports/call-context.ts';
import { fingerprint } from './job-fingerprint.ts';
import type { AcceptedJob, JobRequest } from './job-request.ts';
import { payloadMarginMs, payloadPartBytes } from '../ports/payload-store.ts';
import { withinQuotas, checkJob, type SubmitParts } from './submit-check.ts';
import { acceptedPlain, inputSeal, printOptions, storeInput } from './submit-seal.ts';
import { sendJob } from './submit-send.ts';
import { submitStreamed } from './submit-stream.ts';
import { partJobs, SubmitTurns } from './submit-turns.ts';
import type { InputPiece, StreamedRequest } from './streamed-input.ts';

/** Most jobs in one SubmitJobs call. */
const submitBatchMax = 1_000;

type SubmitOutcome = { readonly ok: AcceptedJob } | { readonly error: TroupeError };

interface SubmitOptions {
  /** The input is sealed whether or not its tenant requires it, because it was before. */
  readonly seals?: boolean;
}

type OneOptions = SubmitOptions & { readonly shard?: number | undefined };

export interface SubmitJobs {
  one(context: CallContext, request: JobRequest, options?: SubmitOptions): Promise<AcceptedJob>;
  /** Memory that an input of so many bytes takes while it is stored as it comes. */
  streamHolds(inputBytes: number): number;
  /** Reads no piece before the job is known to be valid. Nothing remains of an input that is not completed. */
  streamed(
    context: CallContext,
    open: StreamedRequest,
    pieces: AsyncIterable<InputPiece>,
    options?: SubmitOptions,
  ): Promise<AcceptedJob>;
  /**
   * Submits each job independently. Rejects only if the batch as a whole is invalid. A request that was not
   * understandable comes as its error, which is its outcome.
   */
  many(context: CallContext, requests: readonly (JobRequest | TroupeError)[]): Promise<readonly SubmitOutcome[]>;
}

export function createSubmitJobs(parts: SubmitParts): SubmitJobs {
  const { shards, clock, tenantLimits } = parts;
  const turns = new SubmitTurns(parts.atTurnEnd);

  async function one(
    context: CallContext,
    request: JobRequest,
    { shard, seals = false }: OneOptions = {},
  ): Promise<AcceptedJob> {
    const checked = await checkJob(parts, context, { request });
    return withinQuotas(parts, checked, async (inTenant) => {
      const { resolution, nowMs } = checked;
      const { spec } = resolution;
      const hasKey = request.idempotencyKey !== '';
      const seal = await inputSeal(parts, { tenant: context.tenant, hasKey, always: seals });
      const print = fingerprint(context.tenant, request, printOptions(seal));
      // A name that only this call uses, even if the job has an idempotency key. So deleting it never affects the job of
      // another call, and no name is written again after its deletion.
      const name = `in-${randomUUID()}`;
      const expiresAtMs = nowMs + payloadsStoredMs(spec) + payloadMarginMs;
      const place = { payloads: parts.payloads, spec, name, expiresAtMs };
      const input = await storeInput(place, resolution.input, seal?.sealer);
      const sent = sendJob(parts, context, { spec: { ...spec, input }, ...print, ...inTenant }, { shard });
      if (seal === undefined) return sent;
      return sent.catch((error: unknown) => acceptedPlain(parts, context, error, fingerprint(context.tenant, request)));
    });
  }

  async function many(
    context: CallContext,
    requests: readonly (JobRequest | TroupeError)[],
  ): Promise<readonly SubmitOutcome[]> {
    ensureAwaited(context, clock.nowMs());
    if (requests.length === 0 || requests.length > submitBatchMax) {
      const description = `must hold 1 to ${submitBatchMax} jobs, not ${requests.length}`;
      throw new TroupeError('INVALID_ARGUMENT', { violations: [{ field: 'requests', description }] });
    }
    // All jobs without a key go to one shard, so that they share commits.
    const shard = shards.peek();
    const outcomes: Promise<SubmitOutcome>[] = [];
    while (outcomes.length < requests.length) {
      const at = outcomes.length;
      if (at > 0) await turns.next(context.tenant);
      // The rest of a call that nobody waits for takes no further turns, because others wait for them.
      const over = whyUnawaited(context, clock.nowMs());
      const part = requests.slice(at, over === undefined ? at + partJobs : requests.length);
      // What could not be accepted anyway is not even looked at, because that costs nearly as much as to accept it.
      const readable = part.filter((request) => !(request instanceof TroupeError)).length;
      const refusal = over ?? tenantLimits.refusalOf(context.tenant, readable);
      for (const request of part) {
        if (request instanceof TroupeError) outcomes.push(Promise.resolve({ error: request }));
        else if (refusal !== undefined) outcomes.push(Promise.resolve({ error: refusal }));
        else outcomes.push(settled(one(context, request, { shard })));
      }
    }
    return Promise.all(outcomes);
  }

  return {
    one: (context, request, options) => one(context, request, options),
    streamHolds(announcedBytes) {
      // What is announced was not checked yet, and what is too large is refused.
      const bytes = Math.min(Math.max(0, announcedBytes), parts.streamedMaxBytes ?? parts.payloadMaxBytes) || 0;
      return parts.payloads.writeHolds?.(bytes) ?? payloadPartBytes;
    },
    streamed: (context, open, pieces, options) => submitStreamed(parts, context, { ...open, ...options, pieces }),
    many,
  };
}

function settled(accepted: Promise<AcceptedJob>): Promise<SubmitOutcome> {
  return accepted.then(
    (ok) => ({ ok }),
    (error: unknown) => ({ error: TroupeError.from(error) }),
  );
}
