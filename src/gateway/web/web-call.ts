/**
 * A call of the door for JSON, in the form in which the services take calls: what grpc-js would say of it, this says of a
 * request of HTTP/1.1.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Metadata } from '@grpc/grpc-js';
import type { Clock } from '../../application/ports/runtime.ts';
import { credentialsIn } from '../call-credentials.ts';
import { type IncomingCall, requestIdPattern } from '../call-facts.ts';

/** The headers that say something to a call. Others are none of its business, and none may pretend to be of the gateway. */
const textHeaders = ['traceparent', 'user-agent', 'troupe-reason'] as const;
const binaryHeaders = ['troupe-reason-bin'] as const;
/** What grpc-js takes as the value of a header. */
const takenPattern = /^[\x20-\x7e]*$/;
/** As for gRPC: no call of ours takes longer, and a timer takes no more. */
const timeoutMaxMs = 24 * 24 * 3_600_000;

export interface WebCall extends IncomingCall {
  readonly requestId: string;
  /** Infinity: the caller sets no limit. */
  readonly timeoutMs: number;
  /** The bytes of a request that nobody has asked for yet. */
  readonly unread?: Buffer | undefined;
}

/** Without the request, which has not been read yet. */
export function createWebCall(request: IncomingMessage, timeoutMs: number, clock: Pick<Clock, 'wallMs'>): WebCall {
  const { headers, rawHeaders, socket } = request;
  const metadata = new Metadata();
  const requestId = requestIdOf(headers);
  metadata.set('x-request-id', requestId);
  const credentials = credentialsIn(rawHeaders);
  if (credentials !== undefined) metadata.set('authorization', credentials);
  for (const name of textHeaders) {
    const value = headers[name];
    if (typeof value === 'string' && takenPattern.test(value)) metadata.set(name, value);
  }
  for (const name of binaryHeaders) {
    const value = headers[name];
    if (typeof value === 'string') metadata.set(name, Buffer.from(value, 'base64'));
  }
  const deadline = clock.wallMs() + timeoutMs;
  const { remoteAddress = '', remotePort = 0 } = socket;
  const peer = remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
  return {
    metadata,
    requestId,
    timeoutMs,
    getDeadline: () => deadline,
    getPeer: () => peer,
    // Nobody is asked for a certificate here.
    getAuthContext: () => ({}),
  };
}

/** That of the caller, or one of our own. */
export function requestIdOf({ 'x-request-id': given }: IncomingHttpHeaders): string {
  return typeof given === 'string' && requestIdPattern.test(given) ? given : randomUUID();
}

/** By `connect-timeout-ms`. Infinity stands for none. Undefined if the header is no number of at most ten digits. */
export function timeoutOf({ 'connect-timeout-ms': given }: IncomingHttpHeaders): number | undefined {
  if (given === undefined) return Infinity;
  if (typeof given !== 'string' || !/^\d{1,10}$/.test(given)) return undefined;
  return Math.min(Number(given), timeoutMaxMs);
}
