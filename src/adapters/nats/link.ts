/**
 * The connection. Once made it reconnects for ever: being away is a state that callers see (`connected`), never a crash.
 * While away nothing is handed to the client, because its outbound buffer has no bound and is emptied at each dial.
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

export type NatsTls = Pick<TlsOptions, 'caFile' | 'certFile' | 'keyFile'>;

export interface LinkOptions {
  readonly servers: readonly string[];
  readonly name: string;
  readonly login?: NatsLogin;
  /** PEM files; the client reads them at each dial. Absent: no TLS, unless the server insists. */
  readonly tls?: NatsTls;
  /** First token of the subjects on which this process gets its answers. */
  readonly inboxPrefix?: string;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

const flushMaxMs = 2_000;
/** Of the clients of NATS. */
const defaultInboxPrefix = '_INBOX';

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

  /** Another one each time a server is started. */
  get serverId(): string | undefined {
    return this.connection.info?.server_id;
  }

  get maxPayload(): number {
    return this.connection.info?.max_payload ?? 1024 * 1024;
  }

  /** A subject of this process alone, for answers. */
  newInbox(): string {
    return createInbox(this.#inboxPrefix);
  }

  /** Both return a function that ends the listening. */
  onDown(listener: () => void): () => void {
    this.#downListeners.add(listener);
    return () => this.#downListeners.delete(listener);
  }

  onUp(listener: () => void): () => void {
    this.#upListeners.add(listener);
    return () => this.#upListeners.delete(listener);
  }

  assertConnected(): void {
    if (this.#closed) throw new TroupeError('SHUTTING_DOWN', { message: 'the NATS connection was closed' });
    if (!this.#connected) throw brokerUnavailable('not connected to NATS');
  }

  /** False when away: the message is dropped. */
  trySend(subject: string, data?: Payload, options?: PublishOptions): boolean {
    if (!this.connected) return false;
    this.connection.publish(subject, data, options);
    return true;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    const wasConnected = this.#connected;
    this.#goDown();
    this.#closed = true;
    if (wasConnected) await this.#flush();
    await this.connection.close();
  }

  /** What was said last reaches the server; a frozen one must not hold up the end. */
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

/** Tries until `connectTimeoutMs` is over: the server may still be starting. */
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
    ...(options.login !== undefined && { authenticator: loginOf(options.login) }),
    ...(options.tls !== undefined && { tls: options.tls }),
    inboxPrefix: options.inboxPrefix ?? defaultInboxPrefix,
    timeout: Math.min(timeoutMs, 5_000),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    reconnectJitterTLS: 500,
    pingInterval: 20_000,
    maxPingOut: 2,
    noAsyncTraces: true,
    ignoreAuthErrorAbort: true,
  });
}
