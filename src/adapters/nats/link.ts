/**
 * The connection to NATS. Once established, it reconnects forever: a lost connection is a state that callers see
 * (`connected`) and never a crash. While disconnected nothing is passed to the client, because its outbound buffer is
 * unbounded and is emptied at each dial.
 */
import {
  AuthorizationError,
  connect,
  createInbox,
  type NatsConnection,
  type Payload,
  type PublishOptions,
  type TlsOptions,
} from '@nats-io/transport-node';
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import { TroupeError } from '../../domain/errors.ts';
import { brokerUnavailable } from './broker-error.ts';
import { loginOf, type NatsLogin } from './login.ts';
import { given } from '../../domain/given.ts';

export type NatsTls = Pick<TlsOptions, 'caFile' | 'certFile' | 'keyFile'>;

export interface LinkOptions {
  readonly servers: readonly string[];
  readonly name: string;
  readonly login?: NatsLogin;
  /** Paths of PEM files, which the client reads at each dial. Undefined: TLS is used only if the server requires it. */
  readonly tls?: NatsTls;
  /** First token of the subjects on which this process receives answers. Default: `_INBOX`. */
  readonly inboxPrefix?: string;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A server that does not respond must not delay the shutdown for longer than this. */
const flushMaxMs = 2_000;
/** The default of all NATS clients. */
const defaultInboxPrefix = '_INBOX';

/** The connection as a state, connected or not, with listeners for both changes. */
export class NatsLink {
  readonly connection: NatsConnection;
  readonly #inboxPrefix: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #downListeners = new Set<() => void>();
  readonly #upListeners = new Set<() => void>();
  #connected = true;
  #closed = false;

  constructor(connection: NatsConnection, { inboxPrefix, clock, log }: LinkOptions) {
    this.connection = connection;
    this.#inboxPrefix = inboxPrefix ?? defaultInboxPrefix;
    this.#clock = clock;
    this.#log = log;
    void this.#follow();
  }

  get connected(): boolean {
    return this.#connected && !this.#closed;
  }

  get server(): string | undefined {
    return this.connected ? this.connection.getServer() : undefined;
  }

  /** The id of the connected server. It changes each time a server is started. */
  get serverId(): string | undefined {
    return this.connection.info?.server_id;
  }

  get maxPayload(): number {
    return this.connection.info?.max_payload ?? 1024 * 1024;
  }

  /** A new subject for answers that only this process uses. */
  newInbox(): string {
    return createInbox(this.#inboxPrefix);
  }

  /** Calls `listener` when the connection is lost. Returns a function that removes the listener. */
  onDown(listener: () => void): () => void {
    this.#downListeners.add(listener);
    return () => this.#downListeners.delete(listener);
  }

  /** Calls `listener` when the connection is back. Returns a function that removes the listener. */
  onUp(listener: () => void): () => void {
    this.#upListeners.add(listener);
    return () => this.#upListeners.delete(listener);
  }

  /** Throws SHUTTING_DOWN after `close`, and BROKER_UNAVAILABLE while disconnected. */
  assertConnected(): void {
    if (this.#closed) throw new TroupeError('SHUTTING_DOWN', { message: 'the NATS connection was closed' });
    if (!this.#connected) throw brokerUnavailable('not connected to NATS');
  }

  /** Publishes without confirmation. Returns false while disconnected; the message is dropped then. */
  trySend(subject: string, data?: Payload, options?: PublishOptions): boolean {
    if (!this.connected) return false;
    this.connection.publish(subject, data, options);
    return true;
  }

  /** Sends what is buffered, then closes the connection. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const wasConnected = this.#connected;
    this.#goDown();
    this.#closed = true;
    if (wasConnected) await this.#flush();
    await this.connection.close();
  }

  /** Waits until the server has received the last messages, but not for a server that does not respond. */
  async #flush(): Promise<void> {
    let cancel: () => void = () => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.#clock.setTimer(flushMaxMs, resolve);
    });
    await Promise.race([this.connection.flush().catch(() => undefined), late]);
    cancel();
  }

  async #follow(): Promise<void> {
    for await (const status of this.connection.status()) {
      switch (status.type) {
        case 'disconnect':
          this.#log.warn({ server: status.server }, 'nats link lost');
          this.#goDown();
          break;
        case 'reconnect':
          this.#log.info({ server: status.server }, 'nats link is back');
          this.#goUp();
          break;
        case 'error':
          this.#log.warn({ err: status.error }, 'nats server reported an error');
          break;
        case 'ldm':
          this.#log.info({ server: status.server }, 'nats server is draining');
          break;
        case 'close':
          this.#goDown();
          break;
        case 'forceReconnect':
        case 'ping':
        case 'reconnecting':
        case 'slowConsumer':
        case 'staleConnection':
        case 'update':
          break;
      }
    }
  }

  #goDown(): void {
    if (!this.#connected) return;
    this.#connected = false;
    for (const listener of [...this.#downListeners]) listener();
  }

  #goUp(): void {
    if (this.#connected || this.#closed) return;
    this.#connected = true;
    for (const listener of [...this.#upListeners]) listener();
  }
}

/**
 * Connects, retrying for `connectTimeoutMs` because the server may still be starting. Rejects with BROKER_UNAVAILABLE
 * after that, or at once if the server refuses the login.
 */
export async function openLink(options: LinkOptions): Promise<NatsLink> {
  const { clock } = options;
  const endMs = clock.monotonicMs() + options.connectTimeoutMs;
  for (;;) {
    const leftMs = Math.max(endMs - clock.monotonicMs(), 200);
    try {
      return new NatsLink(await dial(options, leftMs), options);
    } catch (error) {
      const servers = options.servers.join(', ');
      const why = error instanceof Error ? error.message : String(error);
      if (error instanceof AuthorizationError) {
        throw brokerUnavailable(`NATS at ${servers} does not let this process in: ${why}`, error);
      }
      if (clock.monotonicMs() + 200 >= endMs) {
        const waitedMs = options.connectTimeoutMs;
        throw brokerUnavailable(`no NATS server answered at ${servers} within ${waitedMs} ms: ${why}`, error);
      }
      await new Promise<void>((resolve) => clock.setTimer(200, resolve));
    }
  }
}

function dial(options: LinkOptions, timeoutMs: number): Promise<NatsConnection> {
  return connect({
    servers: [...options.servers],
    name: options.name,
    ...given({ authenticator: options.login === undefined ? undefined : loginOf(options.login), tls: options.tls }),
    inboxPrefix: options.inboxPrefix ?? defaultInboxPrefix,
    timeout: Math.min(timeoutMs, 5_000),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    reconnectJitterTLS: 500,
    // A server that no longer responds is noticed within about a minute.
    pingInterval: 20_000,
    maxPingOut: 2,
    // Recording a stack trace for each request is expensive.
    noAsyncTraces: true,
    // By default the client gives up after two authorization errors. That may happen while credentials are being
    // replaced.
    ignoreAuthErrorAbort: true,
  });
}
