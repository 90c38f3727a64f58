/**
 * A gRPC server from its start to its end. Loopback needs no TLS; any other address does, unless `insecure` says that plain
 * text is meant. Stopping: no new calls, streams are told to go elsewhere, calls under way may end within the grace, then
 * what is left is cut.
 */
import { type Server, ServerCredentials } from '@grpc/grpc-js';
import type { Clock, Logger } from '../application/ports/runtime.ts';
import type { CallScope } from './call-scope.ts';
import { ensureListenable, isLoopback, listenError, ListenError } from './listen-error.ts';

export interface ServerTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Callers must show a certificate that these vouch for. Absent: they need none. */
  readonly clientCa?: Buffer;
}

export interface ListenerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly tls?: ServerTls;
  /** Plain text on an address that others can reach. */
  readonly insecure: boolean;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface ListenerParts {
  readonly server: Server;
  readonly scope: Pick<CallScope, 'endStreams' | 'cutCalls'>;
  /** For the log, when calls had to be cut. */
  readonly underWay: () => Readonly<Record<string, unknown>>;
}

/** Begins the events of its log. */
type ServerName = 'gateway' | 'scaler';

export interface GrpcListener {
  /** Rejects with ListenError. */
  start(): Promise<{ readonly port: number }>;
  /** Safe to call twice, and before start. */
  stop(graceMs: number): Promise<void>;
}

/** What both servers say of connections. */
export const connectionOptions = {
  'grpc.enable_channelz': 0,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
} as const;
/** From the end of the grace to the end of connections: time for the last statuses to leave. */
const cutMs = 200;

export function createListener(name: ServerName, options: ListenerOptions, parts: ListenerParts): GrpcListener {
  const { host, log, clock } = options;
  const { server, scope, underWay } = parts;
  let target: string | undefined;
  let stopped: Promise<void> | undefined;

  /** Destroying connections is left to `drain`: without channelz `forceShutdown` finds none. */
  async function drain(graceMs: number): Promise<void> {
    scope.endStreams();
    const cancelTimer = clock.setTimer(graceMs, () => {
      log.warn({ event: `${name}.forced`, ...underWay() }, 'calls did not end within the grace, cut');
      scope.cutCalls();
    });
    if (target !== undefined) server.drain(target, graceMs + cutMs);
    await new Promise<void>((resolve) => {
      server.tryShutdown(() => {
        resolve();
      });
    });
    cancelTimer();
    server.forceShutdown();
    log.info({ event: `${name}.stopped` }, `${name} stopped`);
  }

  return {
    async start() {
      const credentials = credentialsOf(options);
      await ensureListenable(host, options.port);
      const port = await new Promise<number>((resolve, reject) => {
        server.bindAsync(targetOf(host, options.port), credentials, (error, bound) => {
          if (error) reject(listenError(error, options));
          else resolve(bound);
        });
      });
      target = targetOf(host, port);
      log.info({ event: `${name}.started`, host, port }, `${name} listens`);
      return { port };
    },

    stop(graceMs) {
      stopped ??= drain(graceMs);
      return stopped;
    },
  };
}

function targetOf(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function credentialsOf({ tls, insecure, host, port }: ListenerOptions): ServerCredentials {
  if (tls) {
    const pair = { cert_chain: tls.cert, private_key: tls.key };
    return ServerCredentials.createSsl(tls.clientCa ?? null, [pair], tls.clientCa !== undefined);
  }
  if (!insecure && !isLoopback(host)) throw new ListenError('INSECURE_ADDRESS', { host, port });
  return ServerCredentials.createInsecure();
}
