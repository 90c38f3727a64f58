/**
 * One channel to a gateway. It makes calls with deadlines and signals, and returns decoded answers or a
 * TroupeClientError.
 */
import {
  type Channel,
  Client,
  type ClientReadableStream,
  connectivityState,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import type { Init, MethodCodec } from '../contract/codec.ts';
import type { StatusCodec } from '../contract/error-details.ts';
import { ensureWanted, onAbort } from './abort.ts';
import { type Answer, answerOf, answerReader } from './answers.ts';
import { errorOfCall, notConnected, notSayable, type TroupeClientError, unreadable } from './client-error.ts';
import { deadlineAfter } from './deadline.ts';
import { checkAddress, hostPortOf, isLoopbackHost } from './target.ts';
import { channelCredentials, type TlsOptions } from './tls.ts';
import { checkToken, renewable, tokenFrom, type TokenSource } from './token-source.ts';
import { uploadCall } from './upload-call.ts';

/** How to reach a gateway. */
export interface ConnectionOptions {
  /** `host:port` of a gateway, or any target that gRPC can resolve. */
  readonly address: string;
  /**
   * Whether to use the proxy of the environment (`http_proxy` and similar variables). Default: `environment`, but
   * loopback addresses never use a proxy. `none`: no proxy.
   */
  readonly proxy?: 'environment' | 'none';
  /** Use TLS. If it is absent, the connection is plain text. */
  readonly tls?: TlsOptions;
  /**
   * A token, sent as `authorization: Bearer` with every call. If it expires, give a function that returns a fresh one:
   * calls and streams then go on with it. Default: none.
   */
  readonly token?: string | TokenSource;
  /** Why the calls of this client are made, for the audit log: 1 to 500 characters. Default: what single calls say. */
  readonly auditReason?: string;
  /** The largest answer to accept, in bytes. Default: 34 MiB, which holds two payloads of the default limit. */
  readonly maxReceiveBytes?: number;
  /** Timeout in ms of a call without its own, at most 24 days. Default: 15,000. */
  readonly timeoutMs?: number;
}

/** Settings of one call. */
export interface CallSettings {
  /**
   * Timeout in ms of each try, and of what a codec does for the call. Longer ones, including Infinity, count as 24 days.
   * Default: that of `connect`.
   */
  readonly timeoutMs?: number | undefined;
  /** Aborts the call. It then rejects with CALL_CANCELLED. */
  readonly signal?: AbortSignal | undefined;
  /** A W3C traceparent, which is passed to the handler. Default: none. */
  readonly traceparent?: string | undefined;
}

/** A channel to a gateway. Calls reject with TroupeClientError. */
export interface Connection {
  /** Makes a call with one request and one answer. */
  unary<Request, Response>(
    method: MethodCodec<Request, Response>,
    request: Init<Request>,
    settings?: CallSettings,
  ): Promise<Response>;
  /**
   * Sends messages no faster than the gateway accepts them. If `messages` throws, the call rejects with that error as
   * the cause.
   */
  upload<Request, Response>(
    method: MethodCodec<Request, Response>,
    messages: AsyncIterable<Init<Request>>,
    settings: CallSettings & { readonly timeoutMs: number },
  ): Promise<Response>;
  /** Makes a call whose answer is a stream. It has a deadline only if `settings.timeoutMs` is set. */
  stream<Request, Response>(
    method: MethodCodec<Request, Response>,
    request: Init<Request>,
    settings?: CallSettings,
  ): AsyncGenerator<Response, void>;
  /** Closes the channel. Open streams end with CALL_CANCELLED. Unary calls in progress still get their answers. */
  close(): void;
}

export const defaultTimeoutMs = 15_000;
/**
 * Holds the input and the output of the gateway's default limit, and the job around them. gRPC's own default of 4 MiB
 * is too small.
 */
const defaultMaxReceiveBytes = 34 * 1_048_576;

export function openConnection(options: ConnectionOptions, codec: StatusCodec): Connection {
  const client = openChannel(options);
  const channel = client.getChannel();
  const streams = new Set<ClientReadableStream<unknown>>();
  const failed = failureReader(options, codec);

  async function unary<Request, Response>(
    method: MethodCodec<Request, Response>,
    request: Init<Request>,
    settings: CallSettings = {},
  ): Promise<Response> {
    const { signal } = settings;
    ensureSayable(method, request);
    ensureWanted(signal);
    const deadline = deadlineAfter(settings.timeoutMs ?? options.timeoutMs ?? defaultTimeoutMs);
    if (channel.getConnectivityState(true) !== connectivityState.READY)
      await connected(channel, options.address, deadline, signal);
    const made = metadataOf(settings, options, deadline);
    const metadata = made instanceof Promise ? await made : made;
    const answer = await new Promise<Answer<Response>>((resolve, reject) => {
      const call = client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        answerReader(method),
        request,
        metadata,
        { deadline },
        (error, response) => {
          stopListening();
          if (error) reject(failed(error));
          // Without an error there is an answer.
          else resolve(response as Answer<Response>);
        },
      );
      const stopListening = onAbort(signal, () => call.cancel());
    });
    return answerOf(answer);
  }

  return {
    unary,
    upload: createUpload(client, options, failed),
    stream: createStream(client, { options, failed, streams }),
    close() {
      for (const call of streams) call.cancel();
      client.close();
    },
  };
}

interface StreamParts {
  readonly options: ConnectionOptions;
  readonly failed: (error: ServiceError) => TroupeClientError;
  /** Those that are open. */
  readonly streams: Set<ClientReadableStream<unknown>>;
}

function createStream(client: Client, { options, failed, streams }: StreamParts): Connection['stream'] {
  return async function* stream<Request, Response>(
    method: MethodCodec<Request, Response>,
    request: Init<Request>,
    settings: CallSettings = {},
  ): AsyncGenerator<Response, void> {
    const { signal, timeoutMs } = settings;
    ensureSayable(method, request);
    const untilMs = deadlineAfter(timeoutMs ?? options.timeoutMs ?? defaultTimeoutMs);
    await connected(client.getChannel(), options.address, untilMs, signal);
    const metadata = await metadataOf(settings, options, untilMs);
    const call: ClientReadableStream<Answer<Response>> = client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      answerReader(method),
      request,
      metadata,
      timeoutMs === undefined ? {} : { deadline: deadlineAfter(timeoutMs) },
    );
    const stopListening = onAbort(signal, () => call.cancel());
    streams.add(call);
    // The iterator throws the first error. A further one, from the cancel below, would be an uncaught 'error' event.
    call.on('error', () => undefined);
    try {
      for await (const message of call) yield answerOf(message as Answer<Response>);
    } catch (error) {
      throw isServiceError(error) ? failed(error) : error;
    } finally {
      stopListening();
      streams.delete(call);
      call.cancel();
    }
  };
}

function failureReader({ token }: ConnectionOptions, codec: StatusCodec): (error: ServiceError) => TroupeClientError {
  return (error) => renewable(errorOfCall(codec, error), typeof token === 'function');
}

function createUpload(
  client: Client,
  options: ConnectionOptions,
  failed: (error: ServiceError) => TroupeClientError,
): Connection['upload'] {
  return async (method, messages, settings) => {
    const { signal } = settings;
    const deadline = deadlineAfter(settings.timeoutMs);
    await connected(client.getChannel(), options.address, deadline, signal);
    const metadata = await metadataOf(settings, options, deadline);
    const upload = uploadCall(client, { method, messages, metadata, deadline, signal });
    const answer = await upload.catch((error: unknown) => {
      throw isServiceError(error) ? failed(error) : unreadable(error);
    });
    return answerOf(answer);
  };
}

/**
 * Waits for a connection before any call is sent. So a call that fails for lack of a connection certainly had no
 * effect, and every kind of call may be retried.
 */
async function connected(
  channel: Pick<Channel, 'getConnectivityState' | 'watchConnectivityState'>,
  address: string,
  deadlineMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (;;) {
    ensureWanted(signal);
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return;
    const hopeless = state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN;
    if (hopeless || Date.now() >= deadlineMs) throw notConnected(address);
    // Resumes on a state change, the deadline or the signal. The loop checks which it was.
    await new Promise<void>((resolve) => {
      const stopListening = onAbort(signal, resolve);
      channel.watchConnectivityState(state, deadlineMs, () => {
        stopListening();
        resolve();
      });
    });
  }
}

function ensureSayable<Request, Response>(method: MethodCodec<Request, Response>, request: Init<Request>): void {
  const violations = method.requestViolations(request);
  if (violations.length > 0) throw notSayable('INVALID_ARGUMENT', violations);
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number';
}

const reasonMaxLength = 500;

function checkReason(reason: string): void {
  if (typeof reason === 'string' && reason.trim() !== '' && reason.length <= reasonMaxLength) return;
  const description = `must have 1 to ${reasonMaxLength} characters`;
  throw notSayable('INVALID_ARGUMENT', [{ field: 'auditReason', description }]);
}

/** Throws INVALID_ARGUMENT if the address, the token, the reason or the TLS is invalid. */
function openChannel(options: ConnectionOptions): Client {
  const { address, token, proxy = 'environment' } = options;
  checkAddress(address, options.tls !== undefined);
  if (token !== undefined && typeof token !== 'function') checkToken(token);
  if (options.auditReason !== undefined) checkReason(options.auditReason);
  const isProxied = proxy === 'environment' && !isLoopbackHost(hostPortOf(address)?.host ?? '');
  return new Client(address, channelCredentials(options.tls), {
    'grpc.enable_http_proxy': isProxied ? 1 : 0,
    'grpc.enable_channelz': 0,
    'grpc.max_receive_message_length': options.maxReceiveBytes ?? defaultMaxReceiveBytes,
    'grpc.max_reconnect_backoff_ms': 2_000,
    'grpc.initial_reconnect_backoff_ms': 200,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
  });
}

/** A promise only if there is a source of tokens: a wait for nothing would cost every submit. */
function metadataOf(
  settings: CallSettings,
  { token, auditReason }: ConnectionOptions,
  deadlineMs: number,
): Metadata | Promise<Metadata> {
  const facts = { ...settings, auditReason };
  if (typeof token !== 'function') return metadataWith(facts, token);
  return tokenFrom(token, { deadlineMs, signal: settings.signal }).then((given) => metadataWith(facts, given));
}

function metadataWith(
  { traceparent, auditReason }: CallSettings & { readonly auditReason: string | undefined },
  token: string | undefined,
): Metadata {
  const metadata = new Metadata();
  if (auditReason !== undefined) metadata.set('troupe-reason-bin', Buffer.from(auditReason));
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  if (traceparent !== undefined) metadata.set('traceparent', traceparent);
  return metadata;
}
