/**
 * Notices that JetStream was wiped and puts everything back: looks at the streams' creation times regularly, at each
 * reconnect and whenever somebody suspects it (`suspect`). One look at a time; a suspicion during a look makes one more.
 * Order of a repair: streams and buckets, then what `onRepair` callbacks own (consumers, keys, watches), then listeners.
 */
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import type { NatsLink } from './link.ts';
import type { StreamIdentity, Topology } from './topology.ts';

export interface StreamGuardOptions {
  readonly link: NatsLink;
  readonly topology: Topology;
  readonly clock: Clock;
  readonly log: Logger;
  readonly checkMs: number;
}

/** A look that failed is repeated after this. */
const retryMs = 500;

export class StreamGuard {
  readonly #options: StreamGuardOptions;
  readonly #repairs = new Set<() => Promise<void>>();
  readonly #listeners = new Set<(streams: string) => void>();
  #looking = false;
  #lookAgain = false;
  #closed = false;
  #cancelTimer: () => void = () => undefined;
  /** What all repairs were made for and listeners know of. */
  #settled: StreamIdentity | undefined;

  constructor(options: StreamGuardOptions) {
    this.#options = options;
    options.link.onDown(() => this.#cancelTimer());
    options.link.onUp(() => this.suspect());
  }

  get identity(): string | undefined {
    return this.#settled?.streams;
  }

  /** Creates what is missing for the first time; rejects when that fails. */
  async start(): Promise<void> {
    this.#settled = await this.#options.topology.ensureStreams();
    this.#schedule(this.#options.checkMs);
  }

  onRepair(repair: () => Promise<void>): () => void {
    this.#repairs.add(repair);
    return () => this.#repairs.delete(repair);
  }

  onReplaced(listener: (streams: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Something points to lost streams: look now. */
  suspect(): void {
    if (this.#closed || this.#settled === undefined) return;
    if (this.#looking) {
      this.#lookAgain = true;
      return;
    }
    void this.#look();
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer();
  }

  async #look(): Promise<void> {
    this.#cancelTimer();
    this.#looking = true;
    let nextMs = this.#options.checkMs;
    try {
      if (this.#options.link.connected) await this.#lookOnce();
    } catch (error) {
      this.#options.log.warn({ err: error }, 'streams could not be verified');
      nextMs = retryMs;
    } finally {
      this.#looking = false;
    }
    if (this.#lookAgain) {
      this.#lookAgain = false;
      nextMs = Math.min(nextMs, retryMs);
    }
    this.#schedule(nextMs);
  }

  async #lookOnce(): Promise<void> {
    const before = this.#settled;
    const found = await this.#options.topology.ensureStreams();
    if (found.streams === before?.streams && found.buckets === before.buckets) return;
    this.#options.log.warn({ streams: found.streams }, 'JetStream lost streams or buckets, they were made anew');
    await Promise.all([...this.#repairs].map((repair) => repair()));
    this.#settled = found;
    if (found.streams === before?.streams) return;
    for (const listener of [...this.#listeners]) listener(found.streams);
  }

  #schedule(delayMs: number): void {
    if (this.#closed) return;
    this.#cancelTimer();
    this.#cancelTimer = this.#options.clock.setTimer(delayMs, () => void this.#look());
  }
}
