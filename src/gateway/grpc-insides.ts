/**
 * What is used of the insides of grpc-js, of one server object only. It fails at the start if they have changed, and a
 * test shows that before a release does.
 */
import type { Http2SecureServer, Http2Server, IncomingHttpHeaders, ServerHttp2Stream, ServerOptions } from 'node:http2';
import type { Server } from '@grpc/grpc-js';

type TakeStream = (
  interceptors: readonly unknown[],
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  /** The flags, and the headers as names and values in turn. */
  ...more: readonly [flags: number, rawHeaders: readonly string[]]
) => void;

export interface GrpcInsides {
  _streamHandler: TakeStream;
  /** Called for each server of HTTP/2 before it listens. It binds `_streamHandler`. */
  _setupHandlers: (server: Http2Server | Http2SecureServer, interceptors: readonly unknown[]) => void;
  /** Options of node:http2. */
  readonly commonServerOptions: ServerOptions;
}

export function insidesOf(server: Server): GrpcInsides {
  const insides = server as unknown as Partial<GrpcInsides>;
  const { _streamHandler: take, _setupHandlers: setUp, commonServerOptions: options } = insides;
  if (typeof take !== 'function' || typeof setUp !== 'function' || typeof options !== 'object')
    throw new Error('this version of grpc-js accepts streams differently: adapt grpc-insides.ts and who uses it');
  return insides as GrpcInsides;
}
