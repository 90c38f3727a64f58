/**
 * Notices that JetStream lost something and puts it back. Streams (WORK and EVENTS) and buckets are looked at each for
 * itself: what is wrong with a bucket says nothing of what was published.
 *
 * What was made anew is seen by its creation time. Order of a repair: the asset, then what `on…Repair` callbacks own
 * (consumers; keys, watches), then listeners.
 *
 * Short of that there is doubt: the server at hand was started anew, a stream counts back, or holds somebody else's message
 * where one of this process was confirmed (which may be on another server than the one at hand). It may have lost what it
 * confirmed last, as a power cut takes what was not on the disk. Until a reconnect was looked into, or a publish that was
 * not confirmed, nothing is published (`isSure`): what is told again must come before what is new.
 */
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import type { VitalSigns } from '../../application/ports/vital-signs.ts';
import { type ConfirmedPlace, ConfirmedPlaces } from './confirmed-places.ts';
import type { NatsLink } from './link.ts';
import { RegularLook } from './regular-look.ts';
import type { BucketIdentity, StreamIdentity, StreamName, Topology } from './topology.ts';

export interface StreamGuardOptions {
  readonly link: Pick<NatsLink, 'connected' | 'serverId' | 'onDown' | 'onUp'>;
  readonly topology: Pick<Topology, 'ensureStreams' | 'ensureBuckets' | 'messageIdAt'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly checkMs: number;
  readonly vitals: Pick<VitalSigns, 'ok' | 'failed'>;
}

/** One look that fails may be an election among the servers. */
const failedLooksMax = 1;

type Repair = () => Promise<void>;

export class StreamGuard {
  readonly #options: StreamGuardOptions;
  readonly #looks: Readonly<Record<'streams' | 'buckets', RegularLook>>;
  readonly #streamRepairs = new Set<Repair>();
  readonly #bucketRepairs = new Set<Repair>();
  readonly #listeners = new Set<(streams: string) => void>();
  readonly #doubters = new Set<() => void>();
  readonly #bucketDoubters = new Set<() => void>();
  /** What all repairs were made for and listeners know of. */
  #streams: (StreamIdentity & { readonly serverId: string | undefined }) | undefined;
  #buckets: (BucketIdentity & { readonly serverId: string | undefined }) | undefined;
  readonly #confirmed: Readonly<Record<StreamName, ConfirmedPlaces>>;
  #isSure = false;
  /** A look that began before the last of them does not end it. */
  #suspicions = 0;
  /** One after the other. */
  #failedLooks = 0;
  /** Monotonic. */
  #soundAtMs: number | undefined;

  constructor(options: StreamGuardOptions) {
    this.#options = options;
    const { link, clock, log, checkMs: everyMs } = options;
    this.#confirmed = { work: new ConfirmedPlaces(clock), events: new ConfirmedPlaces(clock) };
    link.onDown(() => {
      this.#isSure = false;
      this.#failedLooks = 0;
    });
    const common = { link, clock, log, everyMs };
    this.#looks = {
      streams: new RegularLook({ ...common, what: 'streams', look: (isCurrent) => this.#tryStreams(isCurrent) }),
      buckets: new RegularLook({ ...common, what: 'buckets', look: (isCurrent) => this.#lookAtBuckets(isCurrent) }),
    };
  }

  /** The streams were looked at since the link is up, and since a publish was not confirmed. */
  get isSure(): boolean {
    return this.#isSure;
  }

  /** Monotonic: nothing that was confirmed before was lost until then. */
  get soundAtMs(): number | undefined {
    return this.#soundAtMs;
  }

  get identity(): string | undefined {
    return this.#streams?.created;
  }

  /** Creates what is missing for the first time; rejects when that fails. */
  async start(): Promise<void> {
    const { topology, clock } = this.#options;
    const beganMs = clock.monotonicMs();
    const [streams, buckets] = await Promise.all([topology.ensureStreams(), topology.ensureBuckets()]);
    this.#noteStreams(streams, beganMs, true);
    this.#buckets = { ...buckets, serverId: this.#options.link.serverId };
    for (const look of Object.values(this.#looks)) look.start();
  }

  /** WORK or EVENTS was made anew. */
  onStreamRepair(repair: Repair): () => void {
    this.#streamRepairs.add(repair);
    return () => this.#streamRepairs.delete(repair);
  }

  /** A bucket was made anew. */
  onBucketRepair(repair: Repair): () => void {
    this.#bucketRepairs.add(repair);
    return () => this.#bucketRepairs.delete(repair);
  }

  onReplaced(listener: (streams: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** WORK and EVENTS may have lost what they confirmed last. */
  onDoubt(listener: () => void): () => void {
    this.#doubters.add(listener);
    return () => this.#doubters.delete(listener);
  }

  /** Buckets may have. */
  onBucketDoubt(listener: () => void): () => void {
    this.#bucketDoubters.add(listener);
    return () => this.#bucketDoubters.delete(listener);
  }

  /** A publish was confirmed. */
  sawPlace(stream: StreamName, place: ConfirmedPlace): void {
    const confirmed = this.#confirmed[stream];
    const wasInDoubt = confirmed.isInDoubt;
    confirmed.confirmed(place);
    if (confirmed.isInDoubt && !wasInDoubt) this.#looks.streams.now();
  }

  /** Something points to lost streams or buckets: look now. */
  suspect(): void {
    for (const look of Object.values(this.#looks)) look.now();
  }

  /** A publish was not confirmed: whoever should have may have lost its power. */
  suspectLoss(): void {
    this.#suspicions += 1;
    this.#isSure = false;
    this.#looks.streams.now();
  }

  close(): void {
    for (const look of Object.values(this.#looks)) look.close();
  }

  /** An idle process knows by this that it could not publish. */
  async #tryStreams(isCurrent: () => boolean): Promise<void> {
    const { vitals } = this.#options;
    try {
      await this.#lookAtStreams(isCurrent);
      this.#failedLooks = 0;
      vitals.ok('streams');
    } catch (error) {
      if (isCurrent()) this.#failedLooks += 1;
      if (this.#failedLooks > failedLooksMax) {
        vitals.failed('streams', error instanceof Error ? error.message : String(error));
      }
      throw error;
    }
  }

  async #lookAtStreams(isCurrent: () => boolean): Promise<void> {
    const { topology, link, clock, log } = this.#options;
    const before = this.#streams;
    const beganMs = clock.monotonicMs();
    const suspicions = this.#suspicions;
    const { work, events } = this.#confirmed;
    const toFind = { work: work.toFind(), events: events.toFind() };
    const floor = {
      work: Math.max(work.last, before?.lastPlaces.work ?? 0),
      events: Math.max(events.last, before?.lastPlaces.events ?? 0),
    };
    const found = await topology.ensureStreams();
    const isReplaced = found.created !== before?.created;
    const { lastPlaces: last } = found;
    const countsBack = last.work < floor.work || last.events < floor.events || work.isInDoubt || events.isInDoubt;
    const isOther = before?.serverId !== link.serverId;
    const isSurelyLess = isReplaced || countsBack || isOther;
    const isLess = isSurelyLess || !(await this.#holdsAll(toFind));
    if (!isCurrent()) return;
    if (isReplaced) {
      log.warn({ streams: found.created }, 'JetStream lost streams, they were made anew');
      await Promise.all([...this.#streamRepairs].map((repair) => repair()));
      if (!isCurrent()) return;
    }
    this.#isSure = suspicions === this.#suspicions;
    if (isLess) this.#tellDoubt();
    else for (const { found: wasFound } of Object.values(toFind)) wasFound();
    this.#noteStreams(found, beganMs, suspicions === this.#suspicions);
    if (!isReplaced) return;
    for (const listener of [...this.#listeners]) listener(found.created);
  }

  /** A message that is not there any more was acknowledged, or is too old: that says nothing. */
  async #holdsAll(
    toFind: Readonly<Record<StreamName, { readonly places: readonly ConfirmedPlace[] }>>,
  ): Promise<boolean> {
    const { topology } = this.#options;
    const looks = (['work', 'events'] as const).flatMap((stream) =>
      toFind[stream].places.map(async ({ place, isMine }) => {
        const id = await topology.messageIdAt(stream, place);
        return id === undefined || isMine(id);
      }),
    );
    return (await Promise.all(looks)).every(Boolean);
  }

  #tellDoubt(): void {
    this.#options.log.info({}, 'JetStream may have lost what it confirmed last; that is told again');
    for (const confirmed of Object.values(this.#confirmed)) confirmed.forget();
    for (const listener of [...this.#doubters]) listener();
  }

  /** All that follows from a look has been done. */
  #noteStreams(found: StreamIdentity, beganMs: number, isSure: boolean): void {
    const { link } = this.#options;
    this.#streams = { ...found, serverId: link.serverId };
    this.#isSure = isSure && link.connected;
    this.#soundAtMs = beganMs;
  }

  async #lookAtBuckets(isCurrent: () => boolean): Promise<void> {
    const { topology, link, log } = this.#options;
    const before = this.#buckets;
    const found = await topology.ensureBuckets();
    if (!isCurrent()) return;
    const isReplaced = found.created !== before?.created;
    if (isReplaced) {
      log.warn({ buckets: found.created }, 'JetStream lost buckets, they were made anew');
      await Promise.all([...this.#bucketRepairs].map((repair) => repair()));
      if (!isCurrent()) return;
    }
    const countsBack = found.lastPlaces.some((place, index) => place < (before?.lastPlaces[index] ?? 0));
    if (isReplaced || countsBack || before.serverId !== link.serverId) {
      for (const listener of [...this.#bucketDoubters]) listener();
    }
    this.#buckets = { ...found, serverId: link.serverId };
  }
}
