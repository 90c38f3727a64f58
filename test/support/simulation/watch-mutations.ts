/** Seeded bugs in the watch of a queue. */
import type { EventLog } from '../../../src/application/ports/event-log.ts';
import type { Change, Mutation } from './mutation.ts';

export const watchMutations: Readonly<Record<string, Mutation>> = {
  'a watch of a queue passes over events': {
    breaks: [7],
    within: 20,
    load: 'watches',
    change: onEvents((events) => ({
      read: async (of, page) => {
        const read = await events.read(of, page);
        return { ...read, events: read.events.filter(({ position }) => position % 5 !== 0) };
      },
    })),
  },
  'a watch of a queue does not see that events were lost': {
    breaks: [7],
    within: 60,
    load: 'watches',
    change: onEvents((events) => {
      let last = 0;
      return {
        async bounds() {
          const bounds = await events.bounds();
          last = Math.max(last, bounds.last);
          return { ...bounds, log: 'the same', last };
        },
        markAt: () => Promise.resolve(undefined),
      };
    }),
  },
  'a watch of a queue does not see that the end of the log is another one': {
    breaks: [7],
    within: 100,
    firstTried: 59,
    load: 'watches',
    change: onEvents(() => ({ markAt: () => Promise.resolve(undefined) })),
  },
};

function onEvents(change: (events: EventLog) => Partial<EventLog>): Change {
  return (_cluster, ports) => {
    const { events } = ports.bus;
    const changed = (log: EventLog): EventLog => ({
      bounds: () => log.bounds(),
      read: (of, page) => log.read(of, page),
      markAt: (position) => log.markAt(position),
      ...change(log),
    });
    ports.bus = {
      ...ports.bus,
      events: {
        of: (queue) => events.of(queue).map(changed),
        onNext: (of, listener) => events.onNext(of, listener),
      },
    };
  };
}
