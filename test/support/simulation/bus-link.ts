/**
 * The connection of one host to the modelled bus. The client library notices a cut after a while. From then on
 * `connected` is false, pending requests have failed, and new ones are refused until the connection is restored.
 */
import { TroupeError } from '../../../src/domain/errors.ts';
import type { Host } from './host.ts';
import type { CallOptions, Wire } from './wire.ts';

export class BusLink {
  readonly wire: Wire;
  readonly #pending = new Set<() => void>();
  readonly #upListeners: (() => void)[] = [];
  readonly #downListeners: (() => void)[] = [];
  #connected = true;
  #closed = false;

  constructor(wire: Wire) {
    this.wire = wire;
  }

  get host(): Host {
    return this.wire.host;
  }

  get connected(): boolean {
    return this.#connected && !this.#closed;
  }

  onUp(listener: () => void): void {
    this.#upListeners.push(listener);
  }

  onDown(listener: () => void): void {
    this.#downListeners.push(listener);
  }

  /** What the client library notices of a cut, and of its end. */
  noticeCut(): void {
    if (!this.#connected || !this.wire.isCut) return;
    this.#connected = false;
    for (const fail of [...this.#pending]) fail();
    this.#pending.clear();
    for (const listener of this.#downListeners) listener();
  }

  noticeMended(): void {
    if (this.#connected || this.wire.isCut) return;
    this.#connected = true;
    for (const listener of this.#upListeners) listener();
  }

  close(): void {
    this.#closed = true;
    for (const fail of [...this.#pending]) fail();
    this.#pending.clear();
  }

  assertConnected(): void {
    if (this.#closed) throw new TroupeError('SHUTTING_DOWN');
    if (!this.#connected) throw new TroupeError('BROKER_UNAVAILABLE');
  }

  /** Fire and forget. Does nothing while the connection is down. */
  send(arrive: () => void): void {
    if (this.connected) this.wire.send(arrive);
  }

  /** Calls `fail` if the link breaks before the returned function is called. */
  orFail(fail: () => void): () => void {
    this.#pending.add(fail);
    return () => {
      this.#pending.delete(fail);
    };
  }

  /** A JetStream request. Every uncertain outcome is BROKER_UNAVAILABLE. */
  async call<T>(serve: () => T, options: Pick<CallOptions<T>, 'timeoutMs' | 'mayDouble'>): Promise<T> {
    this.assertConnected();
    const away = (): TroupeError => new TroupeError('BROKER_UNAVAILABLE');
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const done = this.orFail(() => {
      reject(away());
    });
    this.wire.call({ ...options, serve, unanswered: away, refused: away }).then(resolve, reject);
    try {
      return await promise;
    } finally {
      done();
    }
  }
}
