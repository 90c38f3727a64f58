/**
 * What a stream has lost is noticed by whoever has published it, on whichever server it lay: by what lies in the places of
 * its own messages. The streams are modelled as JetStream keeps them: places go on behind the last one that is left.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { marksMax } from '../../../../src/adapters/nats/confirmed-places.ts';
import { StreamGuard } from '../../../../src/adapters/nats/stream-guard.ts';
import { createTestKit, type TestKit } from '../../../../src/kernel/testkit/index.ts';
import { VitalSigns } from '../../../../src/application/cluster/vital-signs.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { silentLog } from '../../../support/stores.ts';

const checkMs = 3_000;

const names = ['work', 'events', 'events1'] as const;
type StreamName = (typeof names)[number];

class MemoryStreams {
  readonly messages = new Map<string, Map<number, string>>(names.map((name) => [name, new Map<number, string>()]));
  readonly last: Record<StreamName, number> = { work: 0, events: 0, events1: 0 };
  readonly bucketPlaces = [5, 5, 5];
  created = 'one';
  areBucketsAway = false;
  isAway = false;
  reads = 0;
  /** Called while a look is on its way. */
  onLook: () => void = () => undefined;

  publish(id: string, stream: StreamName = 'events'): number {
    this.last[stream] += 1;
    this.messages.get(stream)?.set(this.last[stream], id);
    return this.last[stream];
  }

  /** All behind this place is gone with the power of its server; the next one is given out again. */
  loseBehind(place: number, stream: StreamName = 'events'): void {
    const messages = this.messages.get(stream);
    for (const at of [...(messages?.keys() ?? [])]) if (at > place) messages?.delete(at);
    this.last[stream] = place;
  }

  async ensureStreams(): Promise<{ created: string; lastPlaces: ReadonlyMap<string, number> }> {
    this.onLook();
    if (this.isAway) throw new TroupeError('BROKER_UNAVAILABLE');
    return { created: this.created, lastPlaces: new Map(Object.entries(this.last)) };
  }

  async ensureBuckets(): Promise<{ created: string; lastPlaces: readonly number[] }> {
    if (this.areBucketsAway) throw new TroupeError('BROKER_UNAVAILABLE');
    return { created: 'buckets', lastPlaces: [...this.bucketPlaces] };
  }

  async messageIdAt(stream: string, place: number): Promise<string | undefined> {
    this.reads += 1;
    return this.messages.get(stream)?.get(place);
  }
}

let kit: TestKit;
let streams: MemoryStreams;
let guard: StreamGuard;
let vitals: VitalSigns;
let doubts: number;
let bucketDoubts: number;

beforeEach(async () => {
  kit = createTestKit({});
  streams = new MemoryStreams();
  vitals = new VitalSigns(kit.clock);
  doubts = 0;
  bucketDoubts = 0;
  // Connected to one server of the cluster all the time.
  const link = { connected: true, serverId: 'A', onDown: () => () => undefined, onUp: () => () => undefined };
  guard = new StreamGuard({ link, topology: streams, clock: kit.clock, log: silentLog, checkMs, vitals });
  guard.onDoubt(() => (doubts += 1));
  guard.onBucketDoubt(() => (bucketDoubts += 1));
  await guard.start();
});
afterEach(() => guard.close());

let published = 0;
function publish(stream: StreamName = 'events'): void {
  published += 1;
  const mine = `mine.${published}`;
  guard.sawPlace(stream, { place: streams.publish(mine, stream), isMine: (id) => id === mine });
}
function othersPublish(count: number): void {
  for (let n = 0; n < count; n += 1) streams.publish(`other.${n}`);
}

describe('a server of the cluster that is not the one at hand loses what it had not written', () => {
  it('is noticed when the stream counts back', async () => {
    publish();
    await kit.advance(checkMs);
    publish();
    streams.loseBehind(1);
    await kit.advance(checkMs);
    expect(doubts).toBe(1);
  });

  it('is noticed on each of the streams of events by itself', async () => {
    publish('events');
    publish('events1');
    streams.loseBehind(0, 'events1');
    streams.publish('other', 'events1');
    await kit.advance(checkMs);
    expect(doubts).toBe(1);
    publish('events');
    await kit.advance(checkMs);
    expect(doubts).toBe(1);
  });

  it('is noticed when others have published past the last place of this process', async () => {
    publish();
    publish();
    streams.loseBehind(1);
    othersPublish(20);
    await kit.advance(checkMs);
    expect(doubts).toBe(1);
    await kit.advance(10 * checkMs);
    expect(doubts).toBe(1);
  });

  it('is noticed when this process has done so too, before the next look', async () => {
    publish();
    await kit.advance(1_500);
    streams.loseBehind(0);
    othersPublish(20);
    publish();
    await kit.advance(checkMs);
    expect(doubts).toBe(1);
  });

  it('is noticed when it comes after a look that has found all', async () => {
    publish();
    await kit.advance(5 * checkMs);
    expect(doubts).toBe(0);
    streams.loseBehind(0);
    othersPublish(20);
    publish();
    await kit.advance(checkMs);
    expect(doubts).toBe(1);
  });

  it('says nothing of a place that no look has reached', async () => {
    publish();
    const soundAtMs = guard.soundAtMs;
    streams.isAway = true;
    await kit.advance(60_000);
    expect(guard.soundAtMs).toBe(soundAtMs);
    streams.isAway = false;
    await kit.advance(1_000);
    expect([doubts, guard.isSure]).toEqual([0, true]);
    expect(guard.soundAtMs).toBeGreaterThan(kit.clock.monotonicMs() - 1_001);
  });
});

describe('no loss', () => {
  it('is what was acknowledged, or is too old to be kept', async () => {
    publish('work');
    streams.messages.get('work')?.clear();
    publish();
    streams.messages.get('events')?.clear();
    othersPublish(3);
    await kit.advance(10 * checkMs);
    expect(doubts).toBe(0);
  });

  it('is a message at the place of a batch that is not its last one', async () => {
    const place = streams.publish('batch.1');
    guard.sawPlace('events', { place, isMine: (id) => ['batch.1', 'batch.2'].includes(id) });
    await kit.advance(10 * checkMs);
    expect(doubts).toBe(0);
  });

  it('costs one read a look, of idle streams and busy ones, and four a second of single publishes at most', async () => {
    publish();
    await kit.advance(checkMs);
    streams.reads = 0;
    await kit.advance(10 * checkMs);
    expect(streams.reads).toBe(10);
    for (const [everyMs, readsMax] of [
      [10, 12],
      [200, 12],
      [260, 130],
      [1_000, 45],
    ] as const) {
      streams.reads = 0;
      for (let ms = 0; ms < 30_000; ms += everyMs) {
        publish();
        await kit.advance(everyMs);
      }
      expect([doubts, everyMs, streams.reads <= readsMax]).toEqual([0, everyMs, true]);
    }
  });
});

describe('a publish that was not confirmed', () => {
  it('keeps all others back until a look that began afterwards', async () => {
    expect(guard.isSure).toBe(true);
    guard.suspectLoss();
    expect(guard.isSure).toBe(false);
    streams.onLook = () => {
      streams.onLook = () => undefined;
      guard.suspectLoss();
    };
    await kit.advance(10);
    // It was not confirmed while the look was on its way.
    guard.suspectLoss();
    expect(guard.isSure).toBe(false);
    await kit.advance(1_000);
    expect([guard.isSure, doubts]).toEqual([true, 0]);
  });

  it('and the loss behind it: it is told before anything new may go', async () => {
    publish();
    streams.isAway = true;
    guard.suspectLoss();
    await kit.advance(5_000);
    streams.loseBehind(0);
    othersPublish(20);
    streams.isAway = false;
    let wasSure: boolean | undefined;
    guard.onDoubt(() => (wasSure = guard.isSure));
    while (!guard.isSure) await kit.advance(10);
    expect([doubts, wasSure]).toEqual([1, true]);
  });
});

describe('a bucket that cannot be looked at', () => {
  it('says nothing of the streams: they are sure, and sound', async () => {
    streams.areBucketsAway = true;
    guard.suspectLoss();
    await kit.advance(60_000);
    expect(guard.isSure).toBe(true);
    expect(guard.soundAtMs).toBeGreaterThan(kit.clock.monotonicMs() - checkMs - 1);
  });

  it('that counts back puts buckets in doubt and nothing else', async () => {
    await kit.advance(checkMs);
    streams.bucketPlaces[2] = 4;
    await kit.advance(checkMs);
    expect([bucketDoubts, doubts]).toEqual([1, 0]);
  });
});

describe('streams that cannot be looked at', () => {
  it('are told without any publish, from the second look on, and until they can', async () => {
    streams.isAway = true;
    await kit.advance(checkMs);
    expect(vitals.troubles()).toEqual([]);
    await kit.advance(1_000);
    expect(vitals.troubles()).toMatchObject([{ sign: 'streams' }]);
    await kit.advance(300_000);
    expect(vitals.troubles()).toMatchObject([{ sign: 'streams' }]);
    streams.isAway = false;
    await kit.advance(1_000);
    expect(vitals.troubles()).toEqual([]);
  });

  it('are no trouble of a bucket, nor is a bucket one of them', async () => {
    streams.areBucketsAway = true;
    await kit.advance(60_000);
    expect(vitals.troubles()).toEqual([]);
  });
});

it('more places than can be looked up count as lost', async () => {
  streams.isAway = true;
  for (let n = 0; n <= marksMax; n += 1) {
    publish();
    await kit.advance(1_000);
  }
  streams.isAway = false;
  await kit.advance(1_000);
  expect(doubts).toBe(1);
});
