/**
 * A gRPC server from start to stop. Addresses other than loopback need TLS, unless `insecure` permits plain text.
 *
 * Stopping: the server accepts no new calls, streams end so that clients continue elsewhere, calls in progress may end
 * within the grace period, and the rest is cut.
 */
import { type Server, ServerCredentials } from '@grpc/grpc-js';
import type { Clock, Logger } from '../application/ports/runtime.ts';
import { given } from '../domain/given.ts';
import type { CallScope } from './call-scope.ts';
import { ensureListenable, isLoopback, listenError, ListenError } from './listen-error.ts';
import { secureCredentials, type ServerTls } from './server-tls.ts';

export interface ListenerOptions {
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  readonly tls?: ServerTls;
  /** A second port of the same host, for clients that show a certificate. */
  readonly certificates?: { readonly port: number; readonly tls: ServerTls };
  /** Permit plain text on an address that other machines can reach. */
  readonly insecure: boolean;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface ListenerParts {
  readonly server: Server;
  readonly scope: Pick<CallScope, 'endStreams' | 'cutCalls'>;
  /** What was in progress, for the log, when calls are cut. */
  readonly underWay: () => Readonly<Record<string, unknown>>;
}

/** Prefix of the events in its log. */
type ServerName = 'gateway' | 'scaler';

export interface BoundPorts {
  readonly port: number;
  /** Absent unless clients with certificates have a port of their own. */
  readonly certificatePort?: number;
}

export interface GrpcListener {
  /** Rejects with ListenError if it cannot listen. */
  start(): Promise<BoundPorts>;
  /** Idempotent. May be called before `start`. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Options of both servers for their connections. One that is old takes no new calls, so that clients spread over the
 * gateways that there are now. Its calls have a day more, since an upload may take hours.
 */
export const connectionOptions = {
  'grpc.enable_channelz': 0,
  'grpc.max_connection_idle_ms': 900_000,
  'grpc.max_connection_age_ms': 3_600_000,
  'grpc.max_connection_age_grace_ms': 86_400_000,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
} as const;
/** How long connections stay open after the grace period, so that the last statuses can leave. */
const cutMs = 200;

/**
 * Starts and stops a server. `stop` resolves once all calls have ended, at the latest shortly after the grace period.
 */
export function createListener(name: ServerName, options: ListenerOptions, parts: ListenerParts): GrpcListener {
  const { host, log, clock, certificates } = options;
  const { server, scope, underWay } = parts;
  const targets: string[] = [];
  let stopped: Promise<void> | undefined;

  /** `drain` destroys the connections. Without channelz, `forceShutdown` does not find them. */
  async function drain(graceMs: number): Promise<void> {
    scope.endStreams();
    const cancelTimer = clock.setTimer(graceMs, () => {
      log.warn({ event: `${name}.forced`, ...underWay() }, 'calls did not end within the grace and were cut off');
      scope.cutCalls();
    });
    for (const target of targets) server.drain(target, graceMs + cutMs);
    await new Promise<void>((resolve) => {
      server.tryShutdown(() => {
        resolve();
      });
    });
    cancelTimer();
    server.forceShutdown();
    log.info({ event: `${name}.stopped` }, `${name} stopped`);
  }

  async function bind(wanted: number, credentials: ServerCredentials): Promise<number> {
    await ensureListenable(host, wanted);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(targetOf(host, wanted), credentials, (error, bound) => {
        if (error) reject(listenError(error, { host, port: wanted }));
        else resolve(bound);
      });
    });
    targets.push(targetOf(host, port));
    return port;
  }

  return {
    async start() {
      const port = await bind(options.port, credentialsOf(options));
      const certificatePort = certificates && (await bind(certificates.port, secureCredentials(certificates.tls)));
      log.info({ event: `${name}.started`, host, port, ...given({ certificatePort }) }, `${name} listens`);
      return { port, ...given({ certificatePort }) };
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
  if (tls) return secureCredentials(tls);
  if (!insecure && !isLoopback(host)) throw new ListenError('INSECURE_ADDRESS', { host, port });
  return ServerCredentials.createInsecure();
}
