/**
 * The door of a gateway for browsers and curl: calls in JSON over HTTP/1.1, and the console. It has the address, the TLS and
 * the callers of the gateway, and a port of its own, so that nothing of it keeps probes or gRPC waiting.
 *
 * A connection has one request at a time. Stopping is that of the gateway: no new connection, the calls under way are answered
 * within the grace, idle connections close, and the rest is cut.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsHttpServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import { TroupeError } from '../../domain/errors.ts';
import type { CallScope } from '../call-scope.ts';
import type { Connections } from '../connections.ts';
import { isLoopback, ListenError, listenError } from '../listen-error.ts';
import type { ServerTls } from '../server-tls.ts';
import { consoleAnswer } from './console-answer.ts';
import type { ConsoleAssets } from './console-assets.ts';
import { createJsonCalls, type JsonCalls, type JsonCallsParts } from './json-calls.ts';
import { createSiteCheck } from './site-check.ts';
import { refusal, type WebAnswer } from './web-answer.ts';
import { requestIdOf } from './web-call.ts';
import { createWebWriter, type WebWriter } from './web-writer.ts';

export interface WebOptions {
  /** 0 means any free port. */
  readonly port: number;
  /** Names under which it is reached, besides addresses and localhost. */
  readonly hosts: readonly string[];
  /** Undefined: it serves no console. */
  readonly console: ConsoleAssets | undefined;
}

export interface WebListenerOptions extends WebOptions {
  readonly host: string;
  readonly tls?: ServerTls | undefined;
  readonly insecure: boolean;
  /** For TLS, and for the headers of a request from its first byte. */
  readonly headersMaxMs: number;
  /** A connection without requests is closed after this time. */
  readonly idleMaxMs: number;
  /** An older connection ends with its next answer. */
  readonly ageMaxMs: number;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface WebListenerParts extends Omit<JsonCallsParts, 'writer' | 'log' | 'clock'> {
  readonly connections: Connections;
  readonly scope: Pick<CallScope, 'cutCalls'>;
}

export interface WebListener {
  /** Rejects with ListenError if it cannot listen. */
  start(): Promise<{ readonly port: number }>;
  /** Idempotent. May be called before `start`. */
  stop(graceMs: number): Promise<void>;
}

/** As for gRPC. A token takes at most 8 KiB. */
const headersMaxBytes = 16_384;
const headersMaxCount = 128;
/** For a whole request: 17 MiB at 64 KiB a second. One that receives nothing ends sooner (`request-budget.ts`). */
const requestMaxMs = 300_000;
const lookEveryMs = 2_000;
/** How long connections stay open after the grace, so that the last answers can leave. */
const cutMs = 200;

export function createWebListener(options: WebListenerOptions, parts: WebListenerParts): WebListener {
  const { host, port: wanted, tls, insecure, log, clock } = options;
  const begunAt = new WeakMap<Socket, number>();
  let isStopping = false;
  const writer = createWebWriter(({ socket }) => {
    const begunAtMs = socket === null ? undefined : begunAt.get(socket);
    return isStopping || clock.monotonicMs() - (begunAtMs ?? 0) > options.ageMaxMs;
  });
  const calls = createJsonCalls({ ...parts, writer, log, clock });
  const serve = createDispatch(options, { ...parts, calls, writer, isStopping: () => isStopping });
  const server = createHttpServer(options);
  parts.connections.followPlain(server);
  let stopFollowing = (): void => undefined;
  let stopped: Promise<void> | undefined;
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    if (!begunAt.has(request.socket)) begunAt.set(request.socket, clock.monotonicMs());
    serve(request, response);
  };
  server.on('request', take);
  // Whoever reads the body says that it may be sent.
  server.on('checkContinue', take);

  async function drain(graceMs: number): Promise<void> {
    isStopping = true;
    stopFollowing();
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    let cancelTimer = clock.setTimer(graceMs, () => {
      log.warn({ event: 'web.forced' }, 'calls in JSON did not end within the grace and were cut off');
      parts.scope.cutCalls();
      cancelTimer = clock.setTimer(cutMs, () => server.closeAllConnections());
    });
    await closed;
    cancelTimer();
    log.info({ event: 'web.stopped' }, 'the door for JSON stopped');
  }

  return {
    async start() {
      if (tls === undefined && !insecure && !isLoopback(host))
        throw new ListenError('INSECURE_ADDRESS', { host, port: wanted });
      if (tls !== undefined)
        stopFollowing = tls.follow(({ cert, key }) => (server as TlsHttpServer).setSecureContext({ cert, key }));
      await new Promise<void>((resolve, reject) => {
        server.once('error', (error) => reject(listenError(error, { host, port: wanted })));
        server.listen(wanted, host, resolve);
      });
      // A TCP server's address is an object.
      const { port } = server.address() as AddressInfo;
      log.info({ event: 'web.started', host, port }, 'the door for JSON listens');
      return { port };
    },
    stop(graceMs) {
      stopped ??= drain(graceMs);
      return stopped;
    },
  };
}

function createHttpServer({ tls, headersMaxMs, idleMaxMs }: WebListenerOptions): Server | TlsHttpServer {
  const times = {
    headersTimeout: headersMaxMs,
    requestTimeout: requestMaxMs,
    keepAliveTimeout: idleMaxMs,
    connectionsCheckingInterval: lookEveryMs,
    maxHeaderSize: headersMaxBytes,
  };
  const server =
    tls === undefined ? createServer(times) : createTlsServer({ ...times, handshakeTimeout: headersMaxMs });
  server.maxHeadersCount = headersMaxCount;
  return server;
}

interface DispatchParts extends WebListenerParts {
  readonly calls: JsonCalls;
  readonly writer: WebWriter;
  readonly isStopping: () => boolean;
}

/** Decides what a request asks for. */
function createDispatch(options: WebListenerOptions, parts: DispatchParts) {
  const { connections, calls, writer, answers, isStopping } = parts;
  const { hosts, host, tls, log, console: files } = options;
  const sites = createSiteCheck({ hosts, ownHost: host, hasTls: tls !== undefined });
  const busy = new WeakSet<Socket>();
  /** Told already that a connection has one request at a time. It ends with that, so the rest of many needs no answer. */
  const told = new WeakSet<Socket>();

  function refusalOf(request: IncomingMessage, path: string): WebAnswer | undefined {
    const { method, headers } = request;
    const wrongHost = sites.ofHost(headers);
    if (wrongHost !== undefined) return refusal(403, 'permission_denied', wrongHost);
    const isMethod = calls.has(path);
    if (method === 'GET' || method === 'HEAD')
      return isMethod ? refusal(405, 'unimplemented', 'calls are made with POST', { allow: 'POST' }) : undefined;
    if (method !== 'POST') {
      const allow = isMethod ? 'POST' : 'GET, HEAD';
      return refusal(405, 'unimplemented', `there is ${allow} here`, { allow });
    }
    const wrongCaller = sites.ofCaller(headers);
    return wrongCaller === undefined ? undefined : refusal(403, 'permission_denied', wrongCaller);
  }

  return (request: IncomingMessage, response: ServerResponse): void => {
    const { socket, method } = request;
    if (busy.has(socket)) {
      if (told.has(socket)) return;
      told.add(socket);
      // Answers must come in order, so it waits for its turn and takes no other part.
      writer.writeEarly(request, response, refusal(400, 'unavailable', 'a connection has one request at a time'));
      return;
    }
    busy.add(socket);
    const release = connections.openedOn(socket);
    // The next request may come as soon as the answer has left.
    response.once('finish', () => busy.delete(socket));
    response.once('close', () => {
      busy.delete(socket);
      release?.();
    });
    const path = pathOf(request.url);
    const failed = (error: TroupeError): WebAnswer => answers.error(error, requestIdOf(request.headers));
    const refused =
      release === undefined
        ? failed(new TroupeError('OVERLOADED', { message: 'too many calls' }))
        : refusalOf(request, path);
    if (refused !== undefined) writer.writeEarly(request, response, refused);
    else if (method === 'POST' && isStopping())
      writer.writeEarly(request, response, failed(new TroupeError('SHUTTING_DOWN')));
    else if (method === 'POST') {
      calls.serve({ request, response }, path).catch((error: unknown) => {
        log.error({ event: 'web.failed', err: error }, 'a request could not be served');
        socket.destroy();
      });
    } else writer.writeFile(response, consoleAnswer(files, path, request.headers), method === 'HEAD');
  };
}

/** Without what follows a question mark. It stays as it was sent: names are compared, not decoded. */
function pathOf(url = '/'): string {
  return url.split('?')[0] ?? '/';
}
