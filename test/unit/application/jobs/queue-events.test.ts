/** One reader of the kept events of a queue: what else lies in a log, and logs of which it learns late. */
import { expect, it } from 'vitest';
import type { QueuePosition } from '../../../../src/application/calls/page-token.ts';
import { createWakeUp } from '../../../../src/application/calls/wake-up.ts';
import { QueueEvents } from '../../../../src/application/jobs/queue-events.ts';
import type { EventLog, EventLogs, KeptEvent } from '../../../../src/application/ports/event-log.ts';
import { given } from '../../../../src/domain/given.ts';
import { testRecord } from '../../../support/jobs.ts';
import { createManualClock } from '../manual-clock.ts';

const pageEvents = 10;
const { id: jobId } = testRecord({}, { nowMs: 1, unique: 1n });

class MemoryLog implements EventLog {
  readonly #id: string;
  /** Undefined: a message that is no event of ours. */
  readonly #kept: (KeptEvent | undefined)[] = [];

  constructor(id: string) {
    this.#id = id;
  }

  add(seq: number): void {
    const position = this.#kept.length + 1;
    this.#kept.push({ position, jobId, seq, handler: 'h', state: 'RUNNING', mark: this.#markOf(position) });
  }

  addStrange(count: number): void {
    this.#kept.push(...new Array<undefined>(count).fill(undefined));
  }

  bounds = async () => {
    const last = this.#kept.length;
    return Promise.resolve({ log: this.#id, first: 1, last, lastMark: last === 0 ? '' : this.#markOf(last) });
  };

  markAt = (position: number) => Promise.resolve(position > this.#kept.length ? undefined : this.#markOf(position));

  read: EventLog['read'] = async (_of, { after, max }) => {
    const page = this.#kept.slice(after, after + max);
    const position = after + page.length;
    const end = page.length === 0 ? undefined : { position, mark: this.#markOf(position) };
    return Promise.resolve({ events: page.filter((event) => event !== undefined), ...given({ end }) });
  };

  #markOf(position: number): string {
    return `${this.#id}.${position}`;
  }
}

function setUp() {
  const clock = createManualClock();
  const logs = [new MemoryLog('one')] as [MemoryLog, ...MemoryLog[]];
  const events: EventLogs = { of: () => logs, onNext: () => () => undefined };
  const readerOf = () =>
    new QueueEvents({
      events,
      clock,
      wakeUp: createWakeUp(clock, new AbortController().signal),
      place: { tenant: 't', queue: 'q' },
      filter: { states: [], handler: '', failureReasons: [] },
      pageEvents,
    });
  /** The numbers of the events that so many steps find, and whether there was a gap. */
  async function steps(
    reader: QueueEvents,
    count: number,
  ): Promise<{ readonly seen: number[]; readonly gap: boolean }> {
    const seen: number[] = [];
    let gap = false;
    for (let n = 0; n < count; n += 1) {
      const state = { isOver: false };
      const step = reader.next().finally(() => (state.isOver = true));
      for (let turn = 0; !state.isOver; turn += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        if (turn > 3) clock.advance(1_000);
      }
      if (await step) gap ||= reader.takeGap();
      seen.push(...reader.changes.map(({ event }) => event.seq));
    }
    return { seen, gap };
  }
  return { logs, readerOf, steps };
}

it('passes over whole pages of messages that are no events, and over none of the events behind them', async () => {
  const { logs, readerOf, steps } = setUp();
  const [log] = logs;
  log.add(1);
  const reader = readerOf();
  await reader.begin(undefined);
  reader.takeGap();
  log.addStrange(3 * pageEvents + 1);
  log.add(2);
  log.addStrange(2 * pageEvents);
  expect(await steps(reader, 12)).toEqual({ seen: [2], gap: false });
  // So long that an end of the log counts for which a read has found nothing.
  log.addStrange(5 * pageEvents);
  log.add(3);
  expect(await steps(reader, 60)).toEqual({ seen: [3], gap: false });
  expect(reader.positions).toMatchObject([{ log: 'one', position: (await log.bounds()).last }]);
});

it('reads a log that was added after it began: from its start, or from where its token says', async () => {
  const { logs, readerOf, steps } = setUp();
  const [late, resumed] = [readerOf(), readerOf()];
  await late.begin(undefined);
  const first: QueuePosition = { log: 'one', position: 0, mark: '' };
  await resumed.begin([first, { log: 'two', position: 1, mark: 'two.1' }]);
  for (const reader of [late, resumed]) reader.takeGap();
  const added = new MemoryLog('two');
  added.add(4);
  added.add(5);
  logs.push(added);
  expect(await steps(late, 12)).toEqual({ seen: [5], gap: false });
  logs[0].add(6);
  added.add(7);
  expect(await steps(resumed, 12)).toEqual({ seen: [6, 7], gap: false });
  expect(resumed.positions).toHaveLength(2);
});
