/**
 * What every call has in common: caller, audit, deadline, request id, metrics, log line, and errors as statuses. It is one
 * wrapper and not a chain of interceptors, because every call pays for it.
 */
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  status as grpc,
} from '@grpc/grpc-js';
import type { CallContext, ReadContext } from '../application/ports/call-context.ts';
import type { Clock, Counter, Histogram, Logger, Telemetry } from '../application/ports/runtime.ts';
import type { TenantLimits } from '../application/tenants/tenant-limits.ts';
import type { Init } from '../contract/codec.ts';
import type { ExternalScalerMethods } from '../contract/external-scaler.ts';
import type {
  AccessMethods,
  AuditMethods,
  EventsMethods,
  ClusterMethods,
  JobsMethods,
  QueuesMethods,
  TenantsMethods,
} from '../contract/messages.ts';
import type { ReflectionMethods } from '../contract/reflection.ts';
import { TroupeError } from '../domain/errors.ts';
import type { Gatekeeper } from './access/gatekeeper.ts';
import type { Auditor } from './audit/auditor.ts';
import { AnswerRoom } from './answer-room.ts';
import { arriving } from './arriving-messages.ts';
import { contextOf, factsOf, trailers } from './call-facts.ts';
import { createHold, type HeldContext } from './held-calls.ts';
import { readable } from './readable-requests.ts';
import { pump, type PumpParts } from './pump.ts';
import type { SendBudget } from './send-budget.ts';
import type { StreamOwners } from './stream-owners.ts';
import type { GrpcFailure, StatusMapper } from './status-mapper.ts';
import { counters, histograms } from '../domain/measures.ts';

interface Methods
  extends
    JobsMethods,
    QueuesMethods,
    ClusterMethods,
    AccessMethods,
    TenantsMethods,
    AuditMethods,
    EventsMethods,
    ExternalScalerMethods,
    ReflectionMethods {}
type Method = keyof Methods;
type Request<M extends Method> = Methods[M][0];
type Response<M extends Method> = Methods[M][1];

/** Wraps the handlers of methods for each kind of call. */
export interface CallScope {
  unary<M extends Method>(
    method: M,
    handle: (request: Request<M>, context: CallContext) => Promise<Init<Response<M>>>,
  ): handleUnaryCall<Request<M>, Init<Response<M>>>;
  /**
   * Like `unary`, for calls that change nothing. They reserve what they load. Such a call may be refused after its work
   * is done, if there is no room for its answer.
   */
  read<M extends Method>(
    method: M,
    handle: (request: Request<M>, context: ReadContext) => Promise<Init<Response<M>>>,
  ): handleUnaryCall<Request<M>, Init<Response<M>>>;
  /** A client-streaming call. It reads messages as fast as `handle` takes them, and fails if none arrives in time. */
  upload<M extends Method>(
    method: M,
    handle: (messages: AsyncIterable<Request<M>>, context: CallContext) => Promise<Init<Response<M>>>,
  ): handleClientStreamingCall<Request<M>, Init<Response<M>>>;
  /**
   * A server-streaming call. It writes as fast as the client reads, within the budget, and stops the source if the
   * client leaves.
   */
  stream<M extends Method>(
    method: M,
    handle: (request: Request<M>, context: ReadContext) => AsyncIterable<Init<Response<M>>>,
  ): handleServerStreamingCall<Request<M>, Init<Response<M>>>;
  /**
   * A bidirectional call. It takes one message at a time, as fast as the client reads the answers, and fails if none
   * arrives in time.
   */
  duplex<M extends Method>(
    method: M,
    handle: (messages: AsyncIterable<Request<M>>, context: CallContext) => AsyncIterable<Init<Response<M>>>,
  ): handleBidiStreamingCall<Request<M>, Init<Response<M>>>;
  /** Ends all streams with SHUTTING_DOWN, so that their clients continue with another gateway. */
  readonly endStreams: () => void;
  /** Answers all unary calls in progress with OUTCOME_UNKNOWN. Their results can no longer be reported. */
  readonly cutCalls: () => void;
}

export interface CallScopeParts {
  readonly gatekeeper: Gatekeeper;
  readonly auditor: Auditor;
  /** Open streams of each tenant. */
  readonly tenantLimits: Pick<TenantLimits, 'openStream'>;
  readonly budget: SendBudget;
  readonly owners: StreamOwners;
  readonly mapper: StatusMapper;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

export function createCallScope(parts: CallScopeParts): CallScope {
  const { clock, telemetry, budget, owners, gatekeeper, auditor, tenantLimits } = parts;
  const streams = new Set<AbortController>();
  /** For each unary call in progress, the function that fails it. */
  const calls = new Set<(error: unknown) => void>();
  const { requests, durations } = instruments(telemetry);

  const failureOf = createFailures(parts, requests);

  const unary: CallScope['unary'] = (method, handle) => (call, callback) => {
    const startedAtMs = clock.monotonicMs();
    const facts = factsOf(call, clock);
    const fail = (error: unknown): void => {
      // A call is settled once: `cutCalls` may have failed it already.
      if (!calls.delete(fail)) return;
      durations.observe((clock.monotonicMs() - startedAtMs) / 1_000, { method });
      auditor.failed({ method, call, facts }, error);
      callback(failureOf(method, error, facts.requestId));
    };
    calls.add(fail);
    const answer = async () => {
      const admitted = gatekeeper.admit(method, call);
      const principal = admitted instanceof Promise ? await admitted : admitted;
      return auditor.run({ method, call, facts }, principal, (report) => {
        const context = contextOf(facts, principal, { needs: gatekeeper.needs(method), report });
        owners.belongs(call, context.tenant);
        return handle(readable(call.request), context);
      });
    };
    answer().then((response) => {
      if (!calls.delete(fail)) return;
      durations.observe((clock.monotonicMs() - startedAtMs) / 1_000, { method });
      requests.add(1, { method, code: 'OK' });
      callback(null, response, trailers(facts));
    }, fail);
  };

  const read = createRead(unary, budget);
  const hold = createHold({ streams, clock, gatekeeper, auditor, tenantLimits, owners }, requests, failureOf);
  const pumping = ({ signal }: HeldContext, room: AnswerRoom): PumpParts => ({ room, clock, signal });

  const stream: CallScope['stream'] = (method, handle) => (call) => {
    const serve = async (context: HeldContext): Promise<void> => {
      const room = new AnswerRoom(budget, context.tenant);
      return pump(call, handle(readable(call.request), { ...context, reserve: room.reserve }), pumping(context, room));
    };
    hold(call, method, serve, {
      done: (_, last) => call.end(last),
      failed: (failure) => call.emit('error', failure),
    });
  };

  const duplex: CallScope['duplex'] = (method, handle) => (call) => {
    const serve = async (context: HeldContext): Promise<void> => {
      const room = new AnswerRoom(budget, context.tenant);
      return pump(call, handle(arriving(call, context.signal, clock), context), pumping(context, room));
    };
    hold(call, method, serve, {
      done: (_, last) => call.end(last),
      failed: (failure) => call.emit('error', failure),
    });
  };

  const upload: CallScope['upload'] = (method, handle) => (call, callback) => {
    hold(call, method, (context) => handle(arriving(call, context.signal, clock), context), {
      done: (response, last) => callback(null, response, last),
      failed: callback,
    });
  };

  function endStreams(): void {
    for (const controller of streams) controller.abort(new TroupeError('SHUTTING_DOWN'));
  }

  function cutCalls(): void {
    for (const fail of calls)
      fail(new TroupeError('OUTCOME_UNKNOWN', { message: 'the gateway stopped before the answer was known' }));
  }

  return { unary, read, upload, stream, duplex, endStreams, cutCalls };
}

function createRead(unary: CallScope['unary'], budget: SendBudget): CallScope['read'] {
  return (method, handle) => (call, callback) => {
    let room: AnswerRoom | undefined;
    const answer = unary(method, async (request, context) => {
      room = new AnswerRoom(budget, context.tenant);
      room.ensureRoom();
      const response = await handle(request, { ...context, reserve: room.reserve });
      room.ensureRoom();
      return response;
    });
    answer(call, (...settled) => {
      callback(...settled);
      // It is written now, and counted by its stream.
      room?.release();
    });
  };
}

/** Counts and logs a failed call, and creates its status. */
function createFailures(
  { mapper, log }: CallScopeParts,
  requests: Counter,
): (method: string, thrown: unknown, requestId: string) => GrpcFailure {
  return (method, thrown, requestId) => {
    const error = TroupeError.from(thrown);
    const failure = mapper.toFailure(error, requestId);
    requests.add(1, { method, code: grpc[failure.code] });
    const fields = { event: 'call.failed', method, requestId, errCode: error.code };
    if (error.code === 'INTERNAL_ERROR') log.error({ ...fields, err: error.cause ?? error }, 'call failed');
    else log.debug({ ...fields, detail: error.message }, 'call failed');
    return failure;
  };
}

function instruments(telemetry: Telemetry): { readonly requests: Counter; readonly durations: Histogram } {
  return {
    requests: telemetry.counter({
      ...counters.grpcRequests,
      help: 'Finished calls by method and status code.',
    }),
    durations: telemetry.histogram({
      ...histograms.grpcDuration,
      help: 'Duration of unary calls inside the gateway.',
    }),
  };
}
