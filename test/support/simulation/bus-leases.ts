/** Shard leases over the modelled bucket, in the steps of the real ones. Each step is a round trip to the server. */
import type { LeaseHold, ShardLeases } from '../../../src/application/ports/membership.ts';
import type { BusLink } from './bus-link.ts';
import { BusSeenKeys } from './bus-seen-keys.ts';
import type { BusServer } from './bus-server.ts';

export interface LeaseValue {
  readonly holder: string;
  readonly incarnation: number;
}

const keyTimeoutMs = 2_000;
const ttlMs = 6_000;
const expiryMarginMs = 2_000;

export class BusLeases implements ShardLeases {
  readonly ttlMs = ttlMs;
  readonly seen: BusSeenKeys<LeaseValue>;
  readonly #link: BusLink;
  readonly #server: BusServer;
  /** The last revision of each shard that this host wrote, as long as no other host can have the same one. */
  readonly #written = new Map<number, number>();
  #doubts = 0;

  constructor(link: BusLink, server: BusServer) {
    this.#link = link;
    this.#server = server;
    this.seen = new BusSeenKeys(link, ttlMs + expiryMarginMs);
    link.onDown(() => {
      this.#doubt();
    });
  }

  /** The bucket was created again, or may have lost its last writes: its revisions are issued again. */
  replaced(): void {
    this.#doubt();
    this.seen.replaced();
  }

  holders(): ReadonlyMap<number, string> {
    return new Map(this.seen.values().map(([shard, { holder }]) => [Number(shard), holder]));
  }

  onChange(listener: () => void): () => void {
    return this.seen.onChange(listener);
  }

  async acquire(shard: number, holder: string, incarnation: number): Promise<LeaseHold | undefined> {
    const wanted = { holder, incarnation };
    const created = await this.#write(shard, wanted, 0);
    if (created !== undefined) return created;
    const found = await this.#read(shard);
    const isOurs = found?.value.holder === holder && found.value.incarnation <= incarnation;
    if (found !== undefined && !isOurs) return undefined;
    return this.#write(shard, wanted, found?.revision ?? 0);
  }

  async renew(hold: LeaseHold): Promise<LeaseHold | undefined> {
    const renewed = this.#isSure(hold) ? await this.#write(hold.shard, hold, hold.revision) : undefined;
    if (renewed !== undefined) return renewed;
    const revision = await this.#revisionOf(hold);
    return revision === undefined ? undefined : this.#write(hold.shard, hold, revision);
  }

  async release(hold: LeaseHold): Promise<void> {
    const remove = (revision: number): Promise<boolean> =>
      this.#call(() => this.#server.leases.delete(String(hold.shard), revision));
    if (this.#isSure(hold) && (await remove(hold.revision))) return;
    const revision = await this.#revisionOf(hold);
    if (revision !== undefined) await remove(revision);
  }

  #isSure({ shard, revision }: LeaseHold): boolean {
    return this.#written.get(shard) === revision;
  }

  #doubt(): void {
    this.#doubts += 1;
    this.#written.clear();
  }

  async #revisionOf(hold: LeaseHold): Promise<number | undefined> {
    const found = await this.#read(hold.shard);
    return found !== undefined && isHeldBy(hold, found.value) ? found.revision : undefined;
  }

  #read(shard: number): Promise<{ readonly value: LeaseValue; readonly revision: number } | undefined> {
    return this.#call(() => this.#server.leases.get(String(shard)));
  }

  async #write(shard: number, value: LeaseValue, revision: number): Promise<LeaseHold | undefined> {
    const { holder, incarnation } = value;
    const doubts = this.#doubts;
    const written = await this.#call(() =>
      this.#server.leases.update(String(shard), { holder, incarnation }, { revision, ttlMs }),
    );
    if (written === undefined) return undefined;
    if (doubts === this.#doubts) this.#written.set(shard, written);
    return { shard, holder, incarnation, revision: written };
  }

  #call<T>(serve: () => T): Promise<T> {
    return this.#link.call(serve, { timeoutMs: keyTimeoutMs });
  }
}

function isHeldBy(hold: LeaseValue, value: LeaseValue): boolean {
  return value.holder === hold.holder && value.incarnation === hold.incarnation;
}
