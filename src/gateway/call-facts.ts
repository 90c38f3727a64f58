/** What the metadata of a call say, whoever makes it, and the context that follows once its caller is known. */
import { randomUUID } from 'node:crypto';
import { Metadata, type ServerUnaryCall } from '@grpc/grpc-js';
import type { CallContext } from '../application/ports/call-context.ts';
import type { Clock } from '../application/ports/runtime.ts';
import type { Principal } from '../domain/access/principal.ts';
import { given, type Named } from '../domain/given.ts';
import { defaultTenant } from '../domain/queue.ts';

export interface IncomingCall {
  readonly metadata: Metadata;
  /** Absent if it comes in pieces. */
  readonly request?: unknown;
  readonly getAuthContext: ServerUnaryCall<unknown, unknown>['getAuthContext'];
  getDeadline(): Date | number;
  /** Address and port of the client. */
  getPeer(): string;
}

export const requestIdPattern = /^[\x21-\x7e]{1,128}$/;
/** W3C forbids the version ff, and ids of zeros alone: such a context counts as none. */
const traceparentPattern = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

export type CallFacts = Omit<CallContext, 'tenant' | 'principal' | 'needs' | 'signal' | 'report'>;

export function factsOf(call: IncomingCall, clock: Clock): CallFacts {
  const deadline = call.getDeadline();
  // gRPC deadlines use the wall clock.
  const deadlineAtMs = (typeof deadline === 'number' ? deadline : deadline.getTime()) - clock.wallMs() + clock.nowMs();
  const traceparent = headerOf(call.metadata, 'traceparent', traceparentPattern);
  return {
    requestId: headerOf(call.metadata, 'x-request-id', requestIdPattern) ?? randomUUID(),
    ...given({ deadlineAtMs: Number.isFinite(deadlineAtMs) ? deadlineAtMs : undefined, traceparent }),
  };
}

/** A principal without a tenant gets here only with calls about the cluster. Those name no tenant, and mean the default. */
export function contextOf(
  facts: CallFacts,
  principal: Principal,
  more: Pick<Named<CallContext>, 'needs' | 'report'>,
): CallContext {
  return { ...facts, tenant: principal.tenant ?? defaultTenant, principal, ...given(more) };
}

/** Returns undefined for a header that does not match its pattern. */
function headerOf(metadata: Metadata, name: string, pattern: RegExp): string | undefined {
  const value = metadata.get(name)[0];
  return typeof value === 'string' && pattern.test(value) ? value : undefined;
}

export function trailers(context: CallFacts): Metadata {
  const metadata = new Metadata();
  metadata.set('x-request-id', context.requestId);
  return metadata;
}
