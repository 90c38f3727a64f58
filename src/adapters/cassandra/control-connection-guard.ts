/**
 * cassandra-driver 4.10.0 loses its control connection badly when a server comes back behind something that accepts and
 * closes (NODEJS-681): two refreshes run at once and set each other's host to null, which rejects a promise that nobody
 * holds and ends the process; each recovery also replaces the host by a new one whose predecessor keeps its timers and
 * sockets for ever. This puts a frame around the driver's own steps:
 *
 * - one refresh at a time; what asks for another meanwhile gets one afterwards, `retryMs` later; none of them rejects;
 * - one set of listeners: those of the connection in use;
 * - a host that is known stays the same object, a connection that failed is closed.
 *
 * It reaches into the driver, so the driver's version is pinned, and whoever raises it runs the tests of this file first.
 */
import type { EventEmitter } from 'node:events';
import type { Client } from 'cassandra-driver';
import { invariant } from '../../domain/errors.ts';

/** Between a refresh that failed half-way and the next. */
const retryMs = 250;

interface Connection extends EventEmitter {
  readonly endpoint: string;
  readonly connected: boolean;
  close(): void;
}

interface Host extends EventEmitter {
  isUp(): boolean;
  setUp(): void;
  readonly pool: { increaseSize(): void };
}

/** The parts of the driver's ControlConnection that are used here. */
interface ControlConnection {
  connection: Connection | null;
  readonly initialized: boolean;
  readonly hosts: { get(endpoint: string): Host | undefined };
  readonly _isShuttingDown: boolean;
  _refresh(hosts?: unknown): Promise<void>;
  _refreshHosts(initializing: boolean, isReconnecting: boolean): Promise<void>;
  _borrowFirstConnection(contactPoints: unknown): Promise<void>;
  _registerToConnectionEvents(): Promise<void>;
  _setHealthListeners(host: Host, connection: Connection): void;
}

const steps = [
  '_refresh',
  '_refreshHosts',
  '_borrowFirstConnection',
  '_registerToConnectionEvents',
  '_setHealthListeners',
] as const satisfies readonly (keyof ControlConnection)[];

/** Before `connect`. `report` gets what the driver would have thrown at nobody. */
export function guardControlConnection(client: Client, report: (error: unknown) => void): void {
  const control = controlConnectionOf(client);
  oneRefreshAtATime(control, report);
  keepKnownHosts(control);
}

function controlConnectionOf(client: Client): ControlConnection {
  const { controlConnection } = client as unknown as { readonly controlConnection: ControlConnection };
  for (const step of steps)
    invariant(typeof controlConnection[step] === 'function', `the driver's control connection has ${step}`);
  return controlConnection;
}

function oneRefreshAtATime(control: ControlConnection, report: (error: unknown) => void): void {
  const refresh = control._refresh.bind(control);
  let running = false;
  let isAskedAgain = false;
  let retry: NodeJS.Timeout | undefined;
  let unwatch: () => void = () => undefined;

  const refreshLater = (): void => {
    retry ??= setTimeout(() => {
      retry = undefined;
      void control._refresh();
    }, retryMs).unref();
  };

  control._refresh = async (hosts) => {
    // With hosts the driver calls it from within itself: what it just did has failed, and it would go on without a pause.
    if (running || hosts !== undefined) {
      isAskedAgain = true;
      return;
    }
    running = true;
    unwatch();
    try {
      await refresh();
    } catch (error) {
      report(error);
      isAskedAgain = true;
    } finally {
      running = false;
      if (isAskedAgain && !control._isShuttingDown) refreshLater();
      isAskedAgain = false;
    }
  };

  control._setHealthListeners = (host, connection) => {
    unwatch();
    const lost = (): void => {
      unwatch();
      void control._refresh();
    };
    unwatch = () => {
      host.off('down', lost).off('ignore', lost);
      connection.off('socketClose', lost);
    };
    // It has just answered; a host that is told so reconnects the rest of its pool by itself.
    if (!host.isUp()) host.setUp();
    host.pool.increaseSize();
    host.once('down', lost).once('ignore', lost);
    connection.once('socketClose', lost);
    if (!connection.connected) lost();
  };
}

function keepKnownHosts(control: ControlConnection): void {
  const refreshHosts = control._refreshHosts.bind(control);
  const borrowFirst = control._borrowFirstConnection.bind(control);
  const register = control._registerToConnectionEvents.bind(control);
  const registered = new WeakSet<Connection>();

  control._refreshHosts = (initializing, isReconnecting) => {
    const endpoint = control.connection?.endpoint;
    const isKnown = control.initialized && endpoint !== undefined && control.hosts.get(endpoint) !== undefined;
    return refreshHosts(initializing && !isKnown, isReconnecting);
  };
  control._borrowFirstConnection = (contactPoints) => {
    // Left over from the contact point that was tried before this one.
    control.connection?.close();
    control.connection = null;
    return borrowFirst(contactPoints);
  };
  control._registerToConnectionEvents = async () => {
    const { connection } = control;
    if (connection !== null && registered.has(connection)) return;
    await register();
    if (connection !== null) registered.add(connection);
  };
}
