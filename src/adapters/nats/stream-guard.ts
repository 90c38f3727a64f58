/**
 * Notices that JetStream was wiped and puts everything back: looks at the streams' creation times regularly, at each
 * reconnect and whenever somebody suspects it (`suspect`). One look at a time; a suspicion during a look makes one more.
 * Order of a repair: streams and buckets, then what `onRepair` callbacks own (consumers, keys, watches), then listeners.
 *
 * Short of that there is doubt: a server that was started anew, or a stream that counts back, may have lost what it
 * confirmed last, as a power cut takes what was not on the disk. Until a reconnect was looked into, nothing is published
 * (`isSure`): what is told again must come before what is new.
 */
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import type { NatsLink } from './link.ts';
import type { LastPlaces, StreamIdentity, Topology } from './topology.ts';

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
  readonly #doubters = new Set<() => void>();
  #looking = false;
  #lookAgain = false;
  #closed = false;
  #cancelTimer: () => void = () => undefined;
  /** What all repairs were made for and listeners know of. */
  #settled: StreamIdentity | undefined;
  #serverId: string | undefined;
  /** The highest that publishes of this process were confirmed as. */
  #confirmed = { work: 0, events: 0 };
  /** Looks of an earlier connection count for nothing. */
  #connections = 0;
  #countsBack = false;
  #isSure = false;
  /** Monotonic. */
  #soundAtMs: number | undefined;

  constructor(options: StreamGuardOptions) {
    this.#options = options;
    options.link.onDown(() => {
      this.#isSure = false;
      this.#connections += 1;
      this.#looking = false;
      this.#cancelTimer();
    });
    options.link.onUp(() => this.suspect());
  }

  /** The streams were looked at since the link is up. */
  get isSure(): boolean {
    return this.#isSure;
  }

  /** Monotonic: nothing that was confirmed before was lost until then. */
  get soundAtMs(): number | undefined {
    return this.#soundAtMs;
  }

  get identity(): string | undefined {
    return this.#settled?.streams;
  }

  /** Creates what is missing for the first time; rejects when that fails. */
  async start(): Promise<void> {
    const beganMs = this.#options.clock.monotonicMs();
    this.#note(await this.#options.topology.ensureStreams(), beganMs);
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

  onDoubt(listener: () => void): () => void {
    this.#doubters.add(listener);
    return () => this.#doubters.delete(listener);
  }

  /** A publish was confirmed as this one of its stream, whose confirmations come in order. */
  sawPlace(stream: keyof LastPlaces, place: number): void {
    if (place < this.#confirmed[stream]) {
      this.#countsBack = true;
      this.suspect();
    }
    this.#confirmed[stream] = place;
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
    const connection = this.#connections;
    let nextMs = this.#options.checkMs;
    try {
      if (this.#options.link.connected) await this.#lookOnce(connection);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'streams could not be verified');
      nextMs = retryMs;
    }
    if (connection !== this.#connections) return;
    this.#looking = false;
    if (this.#lookAgain) {
      this.#lookAgain = false;
      nextMs = Math.min(nextMs, retryMs);
    }
    this.#schedule(nextMs);
  }

  async #lookOnce(connection: number): Promise<void> {
    const before = this.#settled;
    const beganMs = this.#options.clock.monotonicMs();
    const floor = {
      work: Math.max(this.#confirmed.work, before?.lastPlaces.work ?? 0),
      events: Math.max(this.#confirmed.events, before?.lastPlaces.events ?? 0),
    };
    const found = await this.#options.topology.ensureStreams();
    if (connection !== this.#connections) return;
    const isReplaced = found.streams !== before?.streams || found.buckets !== before.buckets;
    if (isReplaced) {
      this.#options.log.warn({ streams: found.streams }, 'JetStream lost streams or buckets, they were made anew');
      await Promise.all([...this.#repairs].map((repair) => repair()));
    }
    this.#isSure = connection === this.#connections;
    if (!this.#isSure) return;
    const { work, events } = found.lastPlaces;
    const isOther = this.#serverId !== this.#options.link.serverId;
    if (isReplaced || isOther || this.#countsBack || work < floor.work || events < floor.events) this.#tellDoubt();
    this.#note(found, beganMs);
    if (found.streams === before?.streams) return;
    for (const listener of [...this.#listeners]) listener(found.streams);
  }

  #tellDoubt(): void {
    this.#options.log.info({}, 'JetStream may have lost what it confirmed last; that is told again');
    this.#confirmed = { work: 0, events: 0 };
    this.#countsBack = false;
    for (const listener of [...this.#doubters]) listener();
  }

  /** All that follows from a look has been done. */
  #note(found: StreamIdentity, beganMs: number): void {
    this.#settled = found;
    this.#serverId = this.#options.link.serverId;
    this.#isSure = this.#options.link.connected;
    this.#soundAtMs = beganMs;
  }

  #schedule(delayMs: number): void {
    if (this.#closed) return;
    this.#cancelTimer();
    this.#cancelTimer = this.#options.clock.setTimer(delayMs, () => void this.#look());
  }
}
