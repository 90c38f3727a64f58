/**
 * Works around NODEJS-681: cassandra-driver 4.10.0 loses its control connection for good when a server returns behind
 * something that accepts connections and closes them. Two refreshes then run at once and set each other's host to null,
 * which rejects a promise that nobody handles and ends the process. Each recovery also replaces the host object, and
 * the old one keeps its timers and sockets for ever. This module wraps the driver's own steps so that:
 *
 * - one refresh runs at a time; a request for another meanwhile leads to one more, `retryMs` later; none of them
 *   rejects;
 * - there is one set of listeners, on the connection in use;
 * - a known host stays the same object, and a connection that failed is closed.
 *
 * It uses internals of the driver. The driver's version is therefore pinned. Run the tests of this file before you
 * raise it.
 */
import type { EventEmitter } from 'node:events';
import type { Client } from 'cassandra-driver';
import { invariant } from '../../domain/errors.ts';

/** Time between a refresh that failed and the next. */
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

/** The parts of the driver's ControlConnection that this module uses. */
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

/** Call this before `connect`. `report` receives errors that the driver would have thrown without a handler. */
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
    // The driver passes hosts when it calls this from within, after a failure. Without this guard it would loop without
    // a pause.
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
    // The host has just answered. Marking it as up makes it reconnect the rest of its pool.
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
    // This connection is left over from the contact point that was tried before.
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
