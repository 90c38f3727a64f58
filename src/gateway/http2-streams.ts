/**
 * What grpc-js offers no option for, done where its server takes a stream. The one place that knows its insides, of this
 * server object alone; it says at the start when they are no longer what they were.
 */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Server } from '@grpc/grpc-js';

type TakeStream = (interceptors: readonly unknown[], stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

interface Insides {
  _streamHandler: TakeStream;
}

/** To be called before the server is bound. */
export function guardStreams(server: Server): void {
  const insides = insidesOf(server);
  const take = insides._streamHandler;
  insides._streamHandler = (interceptors, stream, headers) => {
    shortenTimeout(headers);
    take.call(server, interceptors, stream, headers);
  };
}

function insidesOf(server: Server): Insides {
  const insides = server as unknown as Partial<Insides>;
  if (typeof insides._streamHandler !== 'function') throw new Error('grpc-js takes streams in another way now');
  return insides as Insides;
}

/** grpc-js counts milliseconds in 32 bits: past 24.8 days a deadline would be over at once. No call of ours takes a day. */
const timeoutMaxHours = 24 * 24;
const timeoutHeader = 'grpc-timeout';
const unitsPerHour: Readonly<Record<string, number>> = { H: 1, M: 60, S: 3_600, m: 3_600_000, u: 3.6e9, n: 3.6e12 };

/** A timeout that is too long becomes the longest; what is none is left to the server to refuse. */
export function shortenTimeout(headers: IncomingHttpHeaders): void {
  const [, amount, unit = ''] = /^(\d{1,8})\s*([HMSmun])$/.exec(String(headers[timeoutHeader])) ?? [];
  const perHour = unitsPerHour[unit];
  if (amount === undefined || perHour === undefined) return;
  if (Number(amount) / perHour > timeoutMaxHours) headers[timeoutHeader] = `${String(timeoutMaxHours)}H`;
}
