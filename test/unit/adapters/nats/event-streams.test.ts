/** Which stream has the events of a queue: for ever the same one, until streams are added, and then only where it must. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventStreams, eventStreamsMax } from '../../../../src/adapters/nats/event-streams.ts';
import { natsNames } from '../../../../src/adapters/nats/names.ts';

const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);

describe('the streams of a queue', () => {
  it('are those of fewer streams and more behind them: nothing that is there is looked for elsewhere', () => {
    fc.assert(
      fc.property(name, name, fc.integer({ min: 1, max: eventStreamsMax - 1 }), (tenant, queue, count) => {
        const before = new EventStreams(count).homes(tenant, queue);
        const after = new EventStreams(count + 1).homes(tenant, queue);
        expect(after).toEqual(after.includes(count) ? [...before, count] : before);
        expect(before[0]).toBe(0);
      }),
    );
  });

  it('are the same in every version, because events lie where they said', () => {
    const streams = new EventStreams(8);
    const homes = ['default', 'mail', 'thumbs', 'b'].map((queue) => streams.homes('default', queue));
    expect(homes).toEqual([[0, 2, 6], [0, 2, 3], [0, 1, 2], [0]]);
  });

  it.each([2, 4, 32])('share the queues evenly, %i of them', (count) => {
    const streams = new EventStreams(count);
    const queues = Array.from({ length: count }, () => 0);
    for (let n = 0; n < 1_000 * count; n += 1) {
      const present = streams.homes(`tenant-${n % 7}`, `queue-${n}`).at(-1) ?? -1;
      queues[present] = (queues[present] ?? 0) + 1;
    }
    expect(Math.min(...queues)).toBeGreaterThan(850);
    expect(Math.max(...queues)).toBeLessThan(1_150);
  });

  it('keep queues apart whose names only look alike when they are joined', () => {
    const streams = new EventStreams(32);
    const pairs = Array.from({ length: 100 }, (_, n) => [`a${n}`, `b`, `a`, `${n}b`] as const);
    const differ = pairs.filter(([t, q, u, r]) => String(streams.homes(t, q)) !== String(streams.homes(u, r)));
    expect(differ.length).toBeGreaterThan(50);
  });

  it('are at most 32', () => {
    for (const count of [0, 33, Number.NaN]) expect(() => natsNames('root', count)).toThrow('EVENTS streams');
  });
});
