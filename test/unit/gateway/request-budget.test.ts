// What has come of requests is counted to their end, whichever it is, and what is too much is taken from who holds most.
import { EventEmitter } from 'node:events';
import { constants, type ServerHttp2Stream } from 'node:http2';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RequestBudget, type RequestForm } from '../../../src/gateway/request-budget.ts';
import { UnreadAnswers } from '../../../src/gateway/unread-answers.ts';
import { natsTestTelemetry } from '../../support/nats.ts';

const maxBytes = 1_000;
let nowMs = 0;

/** As much of a stream as is taken hold of. */
class FakeStream extends EventEmitter {
  closedWith: number | undefined;
  writableEnded = false;
  readonly session: object;

  constructor(session: object) {
    super();
    this.session = session;
  }

  push(_chunk: unknown): boolean {
    return true;
  }

  close(code: number): void {
    this.closedWith = code;
    // Node tells it later.
  }
}

const opened = (budget: RequestBudget, session: object, headers = {}, form: RequestForm = 'whole'): FakeStream => {
  const stream = new FakeStream(session);
  budget.watch(stream as unknown as ServerHttp2Stream, headers, form);
  return stream;
};
const newBudget = (): RequestBudget =>
  new RequestBudget({
    maxBytes,
    messageMaxBytes: 600,
    smallBytes: 0,
    telemetry: natsTestTelemetry,
    nowMs: () => nowMs,
  });

beforeEach(() => {
  nowMs = 0;
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Messages as gRPC frames them, again and again, and how many bytes of an unfinished one have come after so many. */
const sizes = [0, 90, 300, 7, 0, 550, 256];
const flow = Buffer.concat(sizes.map((size) => framed(size)));

function framed(announced: number, bytes = announced): Buffer {
  const frame = Buffer.alloc(5 + bytes);
  frame.writeUInt32BE(announced, 1);
  return frame;
}

function unfinishedAfter(pushed: number): number {
  let rest = pushed % flow.byteLength;
  for (const size of sizes) {
    if (rest < 5 + size) return Math.max(0, rest - 5);
    rest -= 5 + size;
  }
  return 0;
}

/** What a stream must count for. */
class Expected {
  readonly #form: RequestForm;
  #pushed = 0;
  held = 0;

  constructor(form: RequestForm) {
    this.#form = form;
  }

  push(stream: FakeStream, bytes: number): void {
    const chunk = Buffer.concat([flow, flow])
      .subarray(this.#pushed % flow.byteLength)
      .subarray(0, bytes);
    this.#pushed += bytes;
    if (!stream.writableEnded) this.held = this.#form === 'whole' ? this.#pushed : unfinishedAfter(this.#pushed);
    stream.push(chunk);
  }
}

it('holds what is under way and no more, and gives all back, whatever ends it and in whatever order', () => {
  const act = fc.record({
    kind: fc.constantFrom('open', 'push', 'push', 'push', 'answer', 'end', 'close', 'wait'),
    form: fc.constantFrom<RequestForm>('whole', 'pieces', 'pieces'),
    connection: fc.nat(3),
    which: fc.nat(20),
    bytes: fc.nat(400),
  });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 80 }), (acts) => {
      const budget = newBudget();
      const sessions = [{}, {}, {}, {}];
      const live = new Map<FakeStream, Expected>();
      for (const { kind, form, connection, which, bytes } of acts) {
        const stream = [...live.keys()][which % Math.max(1, live.size)];
        if (kind === 'open') live.set(opened(budget, sessions[connection] ?? {}, {}, form), new Expected(form));
        else if (kind === 'wait') vi.advanceTimersByTime((nowMs += 10_000) && 10_000);
        else if (stream !== undefined && kind === 'push') live.get(stream)?.push(stream, bytes);
        else if (stream !== undefined && kind === 'answer') stream.writableEnded = true;
        else if (stream !== undefined) {
          stream.emit(kind);
          live.delete(stream);
        }
        for (const one of live.keys()) if (one.closedWith !== undefined) live.delete(one);
        const held = [...live.values()].reduce((sum, each) => sum + each.held, 0);
        expect(budget.bytes).toBe(held);
        if ([...live.values()].filter((each) => each.held > 0).length > 1) expect(held).toBeLessThanOrEqual(maxBytes);
      }
      for (const stream of live.keys()) stream.emit('close');
      expect(budget.bytes).toBe(0);
      vi.advanceTimersByTime(90_000);
      expect(vi.getTimerCount()).toBe(0);
    }),
  );
});

it('of an upload the piece that is not whole counts, and nothing of one that is refused by its head', () => {
  const budget = newBudget();
  const stream = opened(budget, {}, {}, 'pieces');
  stream.push(framed(500, 499));
  expect(budget.bytes).toBe(499);
  stream.push(new Uint8Array(1));
  expect(budget.bytes).toBe(0);
  stream.push(framed(601, 600));
  expect(budget.bytes).toBe(0);
});

it('what came before the answer counts until the stream is over: grpc-js keeps it', () => {
  const budget = newBudget();
  const stream = opened(budget, {}, {}, 'pieces');
  stream.push(framed(500, 400));
  stream.writableEnded = true;
  stream.push(new Uint8Array(100));
  expect(budget.bytes).toBe(400);
  stream.emit('close');
  expect(budget.bytes).toBe(0);
});

it('takes the oldest of the connection that holds most, and leaves who sends little alone', () => {
  const budget = newBudget();
  const [greedy, modest] = [{}, {}];
  const small = opened(budget, modest);
  small.push(new Uint8Array(100));
  const large = Array.from({ length: 5 }, () => opened(budget, greedy));
  for (const stream of large) stream.push(new Uint8Array(300));
  expect(large.map(({ closedWith }) => closedWith !== undefined)).toEqual([true, true, false, false, false]);
  expect(large[0]?.closedWith).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  expect(small.closedWith).toBeUndefined();
  // What still comes of one that was refused counts no more.
  large[0]?.push(new Uint8Array(500));
  expect(budget.bytes).toBe(1_000);
});

it('leaves what is small alone on the same connection too, however old it is', () => {
  const budget = newBudget();
  const shared = {};
  const small = opened(budget, shared);
  small.push(new Uint8Array(10));
  const large = Array.from({ length: 5 }, () => opened(budget, shared));
  for (const stream of large) stream.push(new Uint8Array(300));
  small.push(new Uint8Array(10));
  expect(large.map(({ closedWith }) => closedWith !== undefined)).toEqual([true, true, false, false, false]);
  expect([small.closedWith, budget.bytes]).toEqual([undefined, 920]);
});

it('takes one request alone, however large', () => {
  const budget = newBudget();
  const stream = opened(budget, {});
  stream.push(new Uint8Array(5_000));
  expect([stream.closedWith, budget.bytes]).toEqual([undefined, 5_000]);
});

it('does not count what is small, and counts all of what is not', () => {
  const limits = { maxBytes, messageMaxBytes: 600, smallBytes: 100 };
  const budget = new RequestBudget({ ...limits, telemetry: natsTestTelemetry, nowMs: () => nowMs });
  const stream = opened(budget, {});
  stream.push(new Uint8Array(100));
  expect(budget.bytes).toBe(0);
  stream.push(new Uint8Array(1));
  expect(budget.bytes).toBe(101);
});

it('counts what is deflated as what it may become, up to what a message may be', () => {
  const budget = newBudget();
  const stream = opened(budget, {}, { 'grpc-encoding': 'gzip' });
  stream.push(new Uint8Array(1));
  expect(budget.bytes).toBe(600);
  const plain = opened(budget, {}, { 'grpc-encoding': 'identity' });
  plain.push(new Uint8Array(1));
  expect(budget.bytes).toBe(601);
});

it('ends a request of which nothing has come for half a minute, not one that is slow', () => {
  const budget = newBudget();
  const [silent, slow] = [opened(budget, {}), opened(budget, {})];
  silent.push(new Uint8Array(1));
  for (let time = 0; time < 8; time += 1) {
    slow.push(new Uint8Array(1));
    nowMs += 5_000;
    vi.advanceTimersByTime(5_000);
  }
  expect([silent.closedWith, slow.closedWith]).toEqual([constants.NGHTTP2_ENHANCE_YOUR_CALM, undefined]);
});

describe('a request that is small and does not end', () => {
  const calm = constants.NGHTTP2_ENHANCE_YOUR_CALM;
  const closedOf = (streams: readonly FakeStream[]) => streams.map(({ closedWith }) => closedWith);

  it('is closed after half a minute, within a minute; one that has ended, or comes in pieces, is not', () => {
    const budget = new RequestBudget({
      maxBytes,
      messageMaxBytes: 600,
      telemetry: natsTestTelemetry,
      nowMs: () => nowMs,
    });
    const streams = [opened(budget, {}), opened(budget, {}), opened(budget, {}, {}, 'pieces')];
    streams[1]?.push(null);
    vi.advanceTimersByTime(30_000);
    expect(closedOf(streams)).toEqual([undefined, undefined, undefined]);
    vi.advanceTimersByTime(30_000);
    expect(closedOf(streams)).toEqual([calm, undefined, undefined]);
    vi.advanceTimersByTime(30_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is closed when there are too many, the oldest first', () => {
    const limits = { maxBytes, messageMaxBytes: 600, smallMax: 2 };
    const budget = new RequestBudget({ ...limits, telemetry: natsTestTelemetry, nowMs: () => nowMs });
    const streams = [opened(budget, {})];
    vi.advanceTimersByTime(30_000);
    streams.push(opened(budget, {}), opened(budget, {}));
    expect(closedOf(streams)).toEqual([calm, undefined, undefined]);
    streams[2]?.push(null);
    streams.push(opened(budget, {}), opened(budget, {}));
    expect(closedOf(streams)).toEqual([calm, calm, undefined, undefined, undefined]);
  });
});

it('an answer that nobody reads has half a minute, and a second for each 64 KB', () => {
  const answers = new UnreadAnswers(() => nowMs);
  const [small, large, read] = [new FakeStream({}), new FakeStream({}), new FakeStream({})];
  answers.wait(small, 10);
  answers.wait(large, 64_000 * 60);
  answers.wait(read, 10)();
  const closed = (): readonly boolean[] => [small, large, read].map(({ closedWith }) => closedWith !== undefined);
  for (nowMs = 5_000; nowMs <= 30_000; nowMs += 5_000) vi.advanceTimersByTime(5_000);
  expect(closed()).toEqual([false, false, false]);
  vi.advanceTimersByTime(5_000);
  expect(closed()).toEqual([true, false, false]);
  for (; nowMs <= 95_000; nowMs += 5_000) vi.advanceTimersByTime(5_000);
  expect(closed()).toEqual([true, true, false]);
  expect(vi.getTimerCount()).toBe(0);
});
