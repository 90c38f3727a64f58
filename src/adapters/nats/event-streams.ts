/**
 * Which of the EVENTS streams holds the events of a queue. All events of a queue go to one stream, so their order holds.
 *
 * Invariants:
 * - With one stream it is stream 0 for every queue.
 * - When a stream is added, a queue stays where it is or moves to the new stream, so `homes` of fewer streams is the
 *   beginning of `homes` of more. A reader finds all events of a queue in its homes, whenever they were published.
 * - The function never changes, because events lie where it said.
 */
import { hash } from 'node:crypto';

export const eventStreamsMax = 32;

/** More queues than most clusters have. When there are more, the memory starts anew. */
const rememberedMax = 10_000;

export class EventStreams {
  readonly #count: number;
  readonly #homes = new Map<string, readonly number[]>();

  constructor(count: number) {
    this.#count = count;
  }

  /** Numbers of the streams that may hold events of the queue, in the order of growth. The last one is the present. */
  homes(tenant: string, queue: string): readonly number[] {
    const key = `${tenant}.${queue}`;
    const known = this.#homes.get(key);
    if (known !== undefined) return known;
    const homes = homesOf(key, this.#count);
    if (this.#homes.size >= rememberedMax) this.#homes.clear();
    this.#homes.set(key, homes);
    return homes;
  }
}

/** Stream `count - 1` takes over one in `count` of the queues, from all streams before it alike. */
function homesOf(key: string, streams: number): readonly number[] {
  const homes = [0];
  for (let count = 2; count <= streams; count += 1) {
    if (hash('sha256', `${key}.${count}`, 'buffer').readUInt32BE(0) % count === 0) homes.push(count - 1);
  }
  return homes;
}
