/**
 * The faults of one simulation: which kinds are injected, when, and where. The seed decides. A simulation uses few of
 * many kinds, so that each kind occurs alone, in pairs, and in larger groups.
 */
import type { Random } from '../../../src/application/ports/runtime.ts';
import type { Cluster } from './cluster.ts';
import { calmWeather, type Weather } from './wire.ts';

export const faultKinds = [
  'crash',
  'drain',
  'pause',
  'cell crash',
  'cut from bus',
  'cut from store',
  'store weather',
  'bus weather',
  'wiped bus',
  'bus power cut',
  'purged work',
  'clock step',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Faults that are injected in one simulation at most. */
const strikesMax = 8;

export class Nemesis {
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly kinds: readonly FaultKind[];

  /** `kinds` restricts the kinds of faults. By default the seed chooses them. */
  constructor(cluster: Cluster, random: Random, kinds?: readonly FaultKind[]) {
    this.#cluster = cluster;
    this.#random = random;
    const chosen = kinds ?? faultKinds.filter(() => random() < 0.35);
    this.kinds = kinds === undefined && chosen.length === 0 ? ['crash'] : chosen;
  }

  /** Schedules all faults within the given time. */
  plan(withinMs: number): void {
    if (this.kinds.length === 0) return;
    const strikes = 1 + Math.floor(this.#random() * strikesMax);
    for (let strike = 0; strike < strikes; strike += 1) {
      const kind = this.kinds[Math.floor(this.#random() * this.kinds.length)] ?? 'crash';
      const atMs = 1_500 + this.#random() * withinMs;
      this.#cluster.world.timeline.at(atMs, () => {
        this.#strike(kind);
      });
    }
  }

  #strike(kind: FaultKind): void {
    if (!this.#cluster.isStormy) return;
    const { length } = this.#cluster.nodes;
    const index = Math.floor(this.#random() * length);
    const cluster = this.#cluster;
    switch (kind) {
      case 'crash':
        cluster.crash(index, this.#between(300, 12_000));
        break;
      case 'drain':
        cluster.drain(index, this.#between(300, 5_000));
        break;
      case 'pause':
        cluster.pause(index, { forMs: this.#between(300, 14_000), withCells: this.#random() < 0.5 });
        break;
      case 'cell crash':
        cluster.nodes[index]?.pool.crashCell();
        break;
      case 'cut from bus':
        cluster.cutFromBus(index, this.#between(500, 14_000));
        break;
      case 'cut from store':
        cluster.cutFromStore(index, this.#between(500, 25_000));
        break;
      case 'store weather':
        this.#storm(cluster.storeWeather);
        break;
      case 'bus weather':
        this.#storm(cluster.busWeather);
        break;
      case 'wiped bus':
        cluster.wipeBus();
        break;
      case 'bus power cut':
        cluster.cutBusPower(this.#between(200, 9_000));
        break;
      case 'purged work':
        cluster.purgeWork();
        break;
      case 'clock step':
        cluster.stepClock(index, this.#stepMs(), this.#between(300, 20_000));
        break;
    }
  }

  /** Seconds, an hour, or a day, forward or back. */
  #stepMs(): number {
    const mostMs = [20_000, 3_600_000, 86_400_000][Math.floor(this.#random() * 3)] ?? 20_000;
    return Math.round(this.#between(mostMs / 10, mostMs)) * (this.#random() < 0.5 ? 1 : -1);
  }

  /** Bad weather of a random kind for some seconds. */
  #storm(weather: Weather): void {
    const rate = (): number => (this.#random() < 0.5 ? 0 : this.#random() * 0.3);
    const storm: Weather = {
      lossRate: rate(),
      slowRate: rate(),
      slowMs: this.#between(50, 4_000),
      doubleRate: rate(),
      refusalRate: rate(),
    };
    this.#cluster.world.note('FAULT', `weather ${JSON.stringify(storm)}`);
    Object.assign(weather, storm);
    this.#cluster.world.timeline.at(this.#between(1_000, 10_000), () => {
      Object.assign(weather, calmWeather());
    });
  }

  #between(leastMs: number, mostMs: number): number {
    return leastMs + this.#random() * (mostMs - leastMs);
  }
}
