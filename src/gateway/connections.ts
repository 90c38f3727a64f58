/**
 * Limits the connections of a server, in all and for each client address, from the moment they are accepted: before
 * TLS, and before a byte is read.
 *
 * - Where there is no room for a new connection, the one that has had no call for longest goes (GOAWAY; a client opens
 *   another one with its next call). So idle connections keep nobody out, however many there are.
 * - If all of them have calls, the address with most connections loses its oldest, unless it is the newcomer's: then the
 *   newcomer is refused.
 * - A connection that has not shown that it speaks HTTP some seconds after it was accepted is cut.
 * - Calls are limited in all as well. Past the limit, a connection that has more than its equal part gets no more, so
 *   there are never more than twice as many.
 */
import type { Server as HttpServer } from 'node:http';
import type { Http2SecureServer, Http2Server, Http2Session, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Counter, Gauge, Telemetry } from '../application/ports/runtime.ts';
import { counters, gauges } from '../domain/measures.ts';
import { clientAddress } from './client-address.ts';

/** Time for TLS and the first frame of HTTP/2, or the first request of HTTP/1.1. */
const startMaxMs = 10_000;

export interface ConnectionLimits {
  readonly max: number;
  readonly maxPerAddress: number;
  /** Open calls of all connections. */
  readonly maxCalls: number;
  /** Default: 10 s. */
  readonly startMaxMs?: number;
}

export interface ConnectionsParts {
  readonly server: 'gateway' | 'scaler' | 'web';
  readonly limits: ConnectionLimits;
  readonly telemetry: Telemetry;
}

/** The connections of one address, in the order in which they were accepted. */
interface Client {
  readonly address: string;
  readonly all: Set<Connection>;
  /** Longest without a call first. */
  readonly idle: Set<Connection>;
}

interface Connection {
  readonly client: Client;
  readonly socket: Socket;
  readonly place: string;
  session: ServerHttp2Session | undefined;
  /** Its client has sent the first frame of HTTP/2, or the headers of a request. */
  isStarted: boolean;
  timer: NodeJS.Timeout | undefined;
  calls: number;
  isOver: boolean;
}

type CutReason = 'full' | 'room' | 'slow_start' | 'flood';

export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #name: ConnectionsParts['server'];
  readonly #open: Gauge;
  readonly #cuts: Counter;
  readonly #clients = new Map<string, Client>();
  readonly #idle = new Set<Connection>();
  /** By address and port of the other end, and the port of this one. A session tells them as well. */
  readonly #byPlace = new Map<string, Connection>();
  readonly #bySession = new WeakMap<Http2Session, Connection>();
  #calls = 0;

  constructor({ server, limits, telemetry }: ConnectionsParts) {
    this.#limits = limits;
    this.#name = server;
    this.#open = telemetry.gauge({ ...gauges.grpcConnections, help: 'Open connections of a server for calls.' });
    this.#cuts = telemetry.counter({
      ...counters.grpcConnectionsCut,
      help: 'Connections that a server for calls refused or cut, by the reason.',
    });
    this.#tell();
  }

  /** Counts the connections of a server. Call it before the server listens. */
  follow(server: Http2Server | Http2SecureServer): void {
    server.prependListener('connection', (socket: Socket) => this.#accept(socket));
    server.prependListener('session', (session: ServerHttp2Session) => this.#begin(session));
  }

  /** The same for a server of HTTP/1.1. */
  followPlain(server: HttpServer): void {
    server.prependListener('connection', (socket: Socket) => this.#accept(socket));
  }

  /** Takes a call. False if there are too many; otherwise call `closed` with the same session when it is over. */
  opened(session: Http2Session): boolean {
    const connection = this.#bySession.get(session);
    return connection !== undefined && this.#take(connection);
  }

  closed(session: Http2Session): void {
    const connection = this.#bySession.get(session);
    if (connection !== undefined) this.#release(connection);
  }

  /** Takes a call of HTTP/1.1. Undefined if there are too many; otherwise call what it returns when the call is over. */
  openedOn(socket: Socket): (() => void) | undefined {
    const connection = this.#byPlace.get(placeOf(socket));
    if (connection === undefined) return undefined;
    this.#start(connection);
    return this.#take(connection) ? () => this.#release(connection) : undefined;
  }

  /** Counts a connection that was cut because of what it sent. */
  countFlood(): void {
    this.#count('flood');
  }

  #take(connection: Connection): boolean {
    const { maxCalls } = this.#limits;
    if (this.#calls >= maxCalls && connection.calls >= maxCalls / (this.#byPlace.size - this.#idle.size)) return false;
    this.#calls += 1;
    connection.calls += 1;
    if (connection.calls === 1) this.#setIdle(connection, false);
    return true;
  }

  #release(connection: Connection): void {
    this.#calls -= 1;
    connection.calls -= 1;
    if (connection.calls === 0 && !connection.isOver) this.#setIdle(connection, true);
  }

  #start(connection: Connection): void {
    connection.isStarted = true;
    clearTimeout(connection.timer);
  }

  #accept(socket: Socket): void {
    const place = placeOf(socket);
    const client = this.#clientOf(socket.remoteAddress ?? '');
    const goes = this.#whoGoes(client);
    if (goes === 'newcomer') {
      this.#count('full');
      // A session of it is ended as soon as it begins. What has TLS has none yet.
      process.nextTick(() => socket.destroy());
      return;
    }
    if (goes !== undefined) this.#cut(goes, 'room');
    const connection: Connection = {
      client,
      socket,
      place,
      session: undefined,
      calls: 0,
      isOver: false,
      isStarted: false,
      timer: undefined,
    };
    // If this process stood still, what has arrived is read before the verdict.
    const slow = (): void => void setImmediate(() => this.#cutSlow(connection));
    connection.timer = setTimeout(slow, this.#limits.startMaxMs ?? startMaxMs).unref();
    this.#clients.set(client.address, client);
    this.#byPlace.set(place, connection);
    client.all.add(connection);
    this.#setIdle(connection, true);
    this.#tell();
    socket.once('close', () => this.#forget(connection));
  }

  #begin(session: ServerHttp2Session): void {
    const connection = this.#byPlace.get(placeOf(session.socket));
    if (connection === undefined || connection.session !== undefined) {
      // Later, since the others that hear of it take it as one that lives.
      process.nextTick(() => session.destroy());
      return;
    }
    connection.session = session;
    this.#bySession.set(session, connection);
    session.once('close', () => this.#forget(connection));
    session.once('remoteSettings', () => this.#start(connection));
  }

  #clientOf(remoteAddress: string): Client {
    const address = clientAddress(remoteAddress);
    return this.#clients.get(address) ?? { address, all: new Set(), idle: new Set() };
  }

  #whoGoes(client: Client): Connection | 'newcomer' | undefined {
    const { max, maxPerAddress } = this.#limits;
    if (client.all.size >= maxPerAddress) return firstOf(client.idle) ?? 'newcomer';
    if (this.#byPlace.size < max) return undefined;
    return firstOf(this.#idle) ?? this.#oldestOfLargest(client.all.size + 1) ?? 'newcomer';
  }

  /** Of the address with most connections, if it has more than so many. */
  #oldestOfLargest(than: number): Connection | undefined {
    let largest: Client | undefined;
    for (const client of this.#clients.values()) if (client.all.size > (largest?.all.size ?? than)) largest = client;
    return largest && firstOf(largest.all);
  }

  #setIdle(connection: Connection, isIdle: boolean): void {
    for (const idle of [this.#idle, connection.client.idle]) {
      if (isIdle) idle.add(connection);
      else idle.delete(connection);
    }
  }

  #cutSlow(connection: Connection): void {
    if (!connection.isStarted && !connection.isOver) this.#cut(connection, 'slow_start');
  }

  #cut(connection: Connection, reason: CutReason): void {
    this.#count(reason);
    this.#forget(connection);
    connection.session?.destroy();
    connection.socket.destroy();
  }

  #forget(connection: Connection): void {
    if (connection.isOver) return;
    connection.isOver = true;
    clearTimeout(connection.timer);
    const { client, place } = connection;
    this.#setIdle(connection, false);
    client.all.delete(connection);
    if (client.all.size === 0) this.#clients.delete(client.address);
    // The same place may have a new connection already.
    if (this.#byPlace.get(place) === connection) this.#byPlace.delete(place);
    this.#tell();
  }

  #count(reason: CutReason): void {
    this.#cuts.add(1, { server: this.#name, reason });
  }

  #tell(): void {
    this.#open.set(this.#byPlace.size, { server: this.#name });
  }
}

/** A client may use one port of its own for connections to two of this server. */
type Place = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localPort'>;

function placeOf({ remoteAddress, remotePort, localPort }: Place): string {
  return `${remoteAddress ?? ''} ${remotePort ?? ''} ${localPort ?? ''}`;
}

function firstOf<T>(set: ReadonlySet<T>): T | undefined {
  const [first] = set;
  return first;
}
