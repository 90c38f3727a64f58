/**
 * Detects that JetStream has lost something, and repairs it. Streams (WORK and all EVENTS streams) and buckets are checked
 * separately, because a fault of a bucket says nothing about what was published.
 *
 * Replacement: a changed creation time shows that an asset was recreated. A repair first creates the asset, then runs
 * the `on…Repair` callbacks (consumers; keys, watches), then informs the listeners.
 *
 * Doubt: JetStream may have lost what it confirmed last, because a power cut removes what was not yet on the disk. We
 * doubt if the connected server was restarted, if a stream's positions went backwards, or if another message is at a
 * position that was confirmed to this process (which another server than the connected one may have caused).
 *
 * After a reconnect, and after a publish that was not confirmed, nothing is published until a check has succeeded
 * (`isSure`). What was lost must be published again before anything new.
 */
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import type { VitalSigns } from '../../application/cluster/vital-signs.ts';
import { type ConfirmedPlace, ConfirmedPlaces } from './confirmed-places.ts';
import type { NatsLink } from './link.ts';
import { RegularLook } from './regular-look.ts';
import type { BucketIdentity, StreamIdentity, Topology } from './topology.ts';

export interface StreamGuardOptions {
  readonly link: Pick<NatsLink, 'connected' | 'serverId' | 'onDown' | 'onUp'>;
  readonly topology: Pick<Topology, 'ensureStreams' | 'ensureBuckets' | 'messageIdAt'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly checkMs: number;
  readonly vitals: Pick<VitalSigns, 'ok' | 'failed'>;
}

/** A single failed check may be due to an election among the servers. */
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
  /** The streams for which all repairs have run and which listeners know. */
  #streams: (StreamIdentity & { readonly serverId: string | undefined }) | undefined;
  #buckets: (BucketIdentity & { readonly serverId: string | undefined }) | undefined;
  /** By the name of the stream. */
  readonly #confirmed = new Map<string, ConfirmedPlaces>();
  #isSure = false;
  /** Suspicions so far. A check that began before the latest suspicion does not clear it. */
  #suspicions = 0;
  /** Consecutive failed checks. */
  #failedLooks = 0;
  /** Monotonic time. */
  #soundAtMs: number | undefined;

  constructor(options: StreamGuardOptions) {
    this.#options = options;
    const { link, clock, log, checkMs: everyMs } = options;
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

  /** True if the streams were checked since the last reconnect and since the last publish that was not confirmed. */
  get isSure(): boolean {
    return this.#isSure;
  }

  /** Until this monotonic time, nothing that was confirmed before was lost. Undefined before the first check. */
  get soundAtMs(): number | undefined {
    return this.#soundAtMs;
  }

  get identity(): string | undefined {
    return this.#streams?.created;
  }

  /** Creates what is missing and starts the checks. Rejects if that fails. */
  async start(): Promise<void> {
    const { topology, clock } = this.#options;
    const beganMs = clock.monotonicMs();
    const [streams, buckets] = await Promise.all([topology.ensureStreams(), topology.ensureBuckets()]);
    this.#noteStreams(streams, beganMs, true);
    this.#buckets = { ...buckets, serverId: this.#options.link.serverId };
    for (const look of Object.values(this.#looks)) look.start();
  }

  /** Registers a repair to run when WORK or EVENTS was recreated. Returns a function that removes it. */
  onStreamRepair(repair: Repair): () => void {
    this.#streamRepairs.add(repair);
    return () => this.#streamRepairs.delete(repair);
  }

  /** Registers a repair to run when a bucket was recreated. Returns a function that removes it. */
  onBucketRepair(repair: Repair): () => void {
    this.#bucketRepairs.add(repair);
    return () => this.#bucketRepairs.delete(repair);
  }

  onReplaced(listener: (streams: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls `listener` when WORK or EVENTS may have lost the messages that it confirmed last. */
  onDoubt(listener: () => void): () => void {
    this.#doubters.add(listener);
    return () => this.#doubters.delete(listener);
  }

  /** Calls `listener` when buckets may have lost their last writes. */
  onBucketDoubt(listener: () => void): () => void {
    this.#bucketDoubters.add(listener);
    return () => this.#bucketDoubters.delete(listener);
  }

  /** Records the position of a confirmed publish. */
  sawPlace(stream: string, place: ConfirmedPlace): void {
    const confirmed = this.#confirmedOf(stream);
    const wasInDoubt = confirmed.isInDoubt;
    confirmed.confirmed(place);
    if (confirmed.isInDoubt && !wasInDoubt) this.#looks.streams.now();
  }

  #confirmedOf(stream: string): ConfirmedPlaces {
    const known = this.#confirmed.get(stream);
    if (known !== undefined) return known;
    const confirmed = new ConfirmedPlaces(this.#options.clock);
    this.#confirmed.set(stream, confirmed);
    return confirmed;
  }

  /** Checks now, because something suggests that streams or buckets are lost. */
  suspect(): void {
    for (const look of Object.values(this.#looks)) look.now();
  }

  /**
   * Stops publishing until a check has succeeded. A publish was not confirmed, so the server may have lost its power.
   */
  suspectLoss(): void {
    this.#suspicions += 1;
    this.#isSure = false;
    this.#looks.streams.now();
  }

  close(): void {
    for (const look of Object.values(this.#looks)) look.close();
  }

  /** Checks the streams and reports the outcome. An idle process learns only from this that it could not publish. */
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
    // Snapshots from before the check. What is confirmed while it runs is verified by the next check.
    const toFind = [...this.#confirmed].map(([stream, confirmed]) => ({ stream, ...confirmed.toFind() }));
    const floors = [
      ...(before?.lastPlaces ?? []),
      ...[...this.#confirmed].map(([stream, confirmed]) => [stream, confirmed.last] as const),
    ];
    const found = await topology.ensureStreams();
    const isReplaced = found.created !== before?.created;
    const countsBack =
      floors.some(([stream, floor]) => (found.lastPlaces.get(stream) ?? 0) < floor) ||
      [...this.#confirmed.values()].some(({ isInDoubt }) => isInDoubt);
    const isOther = before?.serverId !== link.serverId;
    const isSurelyLess = isReplaced || countsBack || isOther;
    // Looking messages up costs calls, so it is skipped if there is doubt already.
    const isLess = isSurelyLess || !(await this.#holdsAll(toFind));
    if (!isCurrent()) return;
    if (isReplaced) {
      log.warn({ streams: found.created }, 'JetStream lost streams; they were created again');
      await Promise.all([...this.#streamRepairs].map((repair) => repair()));
      if (!isCurrent()) return;
    }
    // Set before the listeners run: they publish what was lost, and that must come before anything new.
    this.#isSure = suspicions === this.#suspicions;
    if (isLess) this.#tellDoubt();
    else for (const { found: wasFound } of toFind) wasFound();
    this.#noteStreams(found, beganMs, suspicions === this.#suspicions);
    if (!isReplaced) return;
    for (const listener of [...this.#listeners]) listener(found.created);
  }

  /**
   * True unless another message is at a confirmed position. A missing message proves nothing: it was acknowledged, or
   * expired.
   */
  async #holdsAll(
    toFind: readonly { readonly stream: string; readonly places: readonly ConfirmedPlace[] }[],
  ): Promise<boolean> {
    const { topology } = this.#options;
    const looks = toFind.flatMap(({ stream, places }) =>
      places.map(async ({ place, isMine }) => {
        const id = await topology.messageIdAt(stream, place);
        return id === undefined || isMine(id);
      }),
    );
    return (await Promise.all(looks)).every(Boolean);
  }

  #tellDoubt(): void {
    this.#options.log.info({}, 'JetStream may have lost what it confirmed last; it is sent again');
    for (const confirmed of this.#confirmed.values()) confirmed.forget();
    for (const listener of [...this.#doubters]) listener();
  }

  /** Records the result of a check, after everything that follows from it was done. */
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
      log.warn({ buckets: found.created }, 'JetStream lost buckets; they were created again');
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
