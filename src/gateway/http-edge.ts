/**
 * HTTP for probes and scrapers, not for users: `/healthz` (the process runs), `/readyz` (it can serve; otherwise the
 * reasons), `/metrics` (Prometheus text).
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { listenError } from './listen-error.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Reasons why it is not ready. Empty if it is. */
  readonly reasons: readonly string[];
}

export interface HttpEdgeOptions {
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  readonly health: () => Readiness | Promise<Readiness>;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

export interface HttpEdge {
  /** Rejects with ListenError if it cannot listen. */
  start(): Promise<{ readonly port: number }>;
  stop(): Promise<void>;
}

/** Probes are short. A slow connection is closed, also if it does not read its answer. */
const requestTimeoutMs = 10_000;
const lookEveryMs = 2_000;
const connectionsMax = 256;
/** Of one request. */
const headersMaxBytes = 8_192;

export function createHttpEdge(options: HttpEdgeOptions): HttpEdge {
  const { host } = options;
  const server = createServer(
    {
      requestTimeout: requestTimeoutMs,
      headersTimeout: requestTimeoutMs,
      connectionsCheckingInterval: lookEveryMs,
      maxHeaderSize: headersMaxBytes,
    },
    (request, response) => {
      const path = (request.url ?? '/').split('?')[0] ?? '/';
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        send(response, 405, 'text/plain', 'only GET\n');
        return;
      }
      answer(path, response).catch(() => {
        send(response, 500, 'text/plain', 'internal error\n');
      });
    },
  );
  server.setTimeout(requestTimeoutMs);
  makeRoomForNewest(server);

  async function answer(path: string, response: ServerResponse): Promise<void> {
    switch (path) {
      case '/healthz':
        send(response, 200, 'text/plain', 'ok\n');
        return;
      case '/readyz': {
        const { ready, reasons } = await options.health();
        send(response, ready ? 200 : 503, 'application/json', `${JSON.stringify({ ready, reasons })}\n`);
        return;
      }
      case '/metrics': {
        const { contentType, body } = await options.metrics();
        send(response, 200, contentType, body);
        return;
      }
      default:
        send(response, 404, 'text/plain', 'there are /healthz, /readyz and /metrics\n');
    }
  }

  return {
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', (error) => {
          reject(listenError(error, { host, port: options.port }));
        });
        server.listen(options.port, host, () => {
          // A TCP server's address is an object.
          resolve({ port: (server.address() as AddressInfo).port });
        });
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/**
 * Above the limit, the oldest connection is closed and not the new one. A probe sends its request as soon as it is
 * connected and is answered in milliseconds. So the next probe gets through, however many connections are idle.
 */
function makeRoomForNewest(server: Server): void {
  const oldestFirst = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    oldestFirst.add(socket);
    socket.once('close', () => oldestFirst.delete(socket));
    const [oldest] = oldestFirst;
    if (oldestFirst.size <= connectionsMax || oldest === undefined) return;
    oldestFirst.delete(oldest);
    oldest.destroy();
  });
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' });
  response.end(body);
}
