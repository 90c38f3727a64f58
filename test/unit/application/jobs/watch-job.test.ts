/** Watching in virtual time: what is told when, whatever becomes of the news. */
import { mayEverything } from '../../../support/callers.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReadContext } from '../../../../src/application/ports/call-context.ts';
import type { LiveFeed } from '../../../../src/application/ports/bus.ts';
import type { JobProgress } from '../../../../src/application/ports/shard-protocol.ts';
import { resumeToken } from '../../../../src/application/calls/page-token.ts';
import { createWatchJob, type WatchUpdate } from '../../../../src/application/jobs/watch-job.ts';
import { isTerminal, type JobRecord } from '../../../../src/domain/job.ts';
import { decide, type JobCommand } from '../../../../src/domain/transitions.ts';
import type { ShardBatcher } from '../../../../src/application/protocol/shard-batcher.ts';
import type { LogLine, StoredLog } from '../../../../src/domain/job-log.ts';
import { testRecord } from '../../../support/jobs.ts';
import { createManualClock } from '../manual-clock.ts';

/** Long enough for every promise that is settled now to be acted on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(signal?: AbortSignal) {
  const lines: LogLine[] = [];
  const stored: StoredLog[] = [];
  const batcher = {
    call: async () => ({ stored: [...stored], lines: [...lines] }),
    queued: () => 0,
    close: () => undefined,
  } as unknown as ShardBatcher;
  const clock = createManualClock();
  let record = testRecord({}, { nowMs: clock.nowMs() });
  /** What readers see who know no better; behind `record` when a former owner answers. */
  let shown = record;
  let heartbeat: JobProgress | undefined;
  let reads = 0;
  let newerIsStored = false;
  const listeners = new Set<Parameters<LiveFeed['watchJob']>[1]>();
  const watchJob = createWatchJob({
    clock,
    reader: {
      read: async (_tenant, _id, knownSeq = 0) => {
        reads += 1;
        if (newerIsStored && shown.seq < knownSeq) return { record };
        return { record: shown, ...(heartbeat && { progress: heartbeat }) };
      },
    },
    feed: {
      publishProgress: () => undefined,
      publishLogNews: () => undefined,
      watchJob: (_job, listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    batcher,
    payloads: {
      writePayload: async ({ name }) => ({ id: name, bytes: 0, sha256: new Uint8Array() }),
      putPayload: async ({ name }) => name,
      getPayload: async () => undefined,
      openPayload: async () => undefined,
      deletePayload: async () => undefined,
    },
  });
  const context: ReadContext = {
    tenant: 'default',
    principal: mayEverything,
    requestId: 'r',
    reserve: () => undefined,
    ...(signal && { signal }),
  };
  const seen: WatchUpdate[] = [];
  let ended = false;
  function start(token = '', logs = false): Promise<void> {
    return (async () => {
      try {
        for await (const update of watchJob(context, record.id, { token, logs })) seen.push(update);
      } finally {
        ended = true;
      }
    })();
  }
  return {
    clock,
    listeners,
    seen,
    start,
    ended: () => ended,
    reads: () => reads,
    states: () => seen.map(({ job }) => job.record.state),
    change(command: JobCommand, options: { readonly told?: boolean; readonly shown?: boolean } = {}): void {
      const decision = decide(record, command, clock.nowMs(), 0.5);
      if (decision.kind === 'changed') ({ record } = decision);
      if (options.shown !== false) shown = record;
      if (options.told !== false) for (const listener of listeners) listener({ kind: 'event', seq: record.seq });
    },
    /** Who knows that there is more gets it from the store. */
    openStore(): void {
      newerIsStored = true;
    },
    show(): void {
      shown = record;
    },
    /** What the shard has heard. */
    beat(fraction: number, note = ''): void {
      heartbeat = { fraction, note };
    },
    told: () => seen.map(({ job }) => [job.record.attempt, job.progress?.fraction, job.progress?.note]),
    progress(fraction: number, note = '', attempt = 1): void {
      const progress = { jobId: record.id, attempt, fraction, note };
      for (const listener of listeners) listener({ kind: 'progress', progress });
    },
    newest: (): JobRecord => record,
    say(attempt: number, ...numbers: number[]): void {
      for (const number of numbers) lines.push({ attempt, number, atMs: 1, level: 'info', text: '' });
      for (const listener of listeners) listener({ kind: 'log' });
    },
    store(attempt: number): void {
      const ended = lines.filter((line) => line.attempt === attempt);
      stored.push({ attempt, payload: { kind: 'json', json: JSON.stringify(ended) } });
      lines.splice(0);
    },
    said: () => seen.map(({ log }) => log && [log.lines.map((line) => line.attempt * 100 + line.number), log.skipped]),
  };
}

const claim: JobCommand = { kind: 'claim', node: 'n', token: 't' };
const succeed: JobCommand = { kind: 'report', token: 't', outcome: { kind: 'succeeded' } };

describe('watch with lines', () => {
  it('tells each line once, in order, what was dropped as a number, and the rest with the last word', async () => {
    const watch = setUp();
    const done = watch.start('', true);
    await settle();
    watch.change(claim);
    watch.say(1, 1, 2);
    await settle();
    watch.say(1, 7);
    await settle();
    watch.store(1);
    watch.say(2, 1);
    await settle();
    const token = watch.seen.at(-1)?.resumeToken ?? '';
    watch.say(2, 2);
    watch.store(2);
    watch.change(succeed);
    await done;
    const told = [
      [[101, 102], 0],
      [[107], 4],
      [[201], 0],
      [[202], 0],
    ];
    expect(watch.said().filter((log) => log !== undefined)).toEqual(told);
    expect(watch.seen.at(-1)).toMatchObject({ job: { record: { state: 'SUCCEEDED' } }, log: { skipped: 0 } });
    await watch.start(token, true);
    expect(watch.said().slice(-1)).toEqual([[[202], 0]]);
    await watch.start('', true);
    expect(watch.said().slice(-1)).toEqual([[[101, 102, 107, 201, 202], 4]]);
  });
});

describe('watch', () => {
  it('finds by itself what no news told', async () => {
    const watch = setUp();
    const done = watch.start();
    await settle();
    watch.change(claim, { told: false });
    watch.clock.advance(4_999);
    await settle();
    expect(watch.states()).toEqual(['QUEUED']);
    watch.clock.advance(1);
    await settle();
    expect(watch.states()).toEqual(['QUEUED', 'RUNNING']);
    watch.change(succeed);
    await done;
    expect(watch.states()).toEqual(['QUEUED', 'RUNNING', 'SUCCEEDED']);
    expect([watch.listeners.size, watch.clock.timers()]).toEqual([0, 0]);
  });

  it('reads again, ever more slowly, while news are ahead of what can be read', async () => {
    const watch = setUp();
    const done = watch.start();
    await settle();
    watch.change(claim, { shown: false });
    await settle();
    const before = watch.reads();
    for (let step = 0; step < 100; step += 1) {
      watch.clock.advance(50);
      await settle();
    }
    expect(watch.reads() - before).toBeLessThan(10);
    expect(watch.states()).toEqual(['QUEUED']);
    watch.show();
    watch.clock.advance(5_000);
    await settle();
    expect(watch.states()).toEqual(['QUEUED', 'RUNNING']);
    watch.change(succeed);
    watch.clock.advance(5_000);
    await done;
  });

  it('goes on from its token without going back, though a former owner answers first', async () => {
    const watch = setUp();
    watch.openStore();
    const first = watch.start();
    await settle();
    watch.change(claim, { shown: false });
    await settle();
    expect(watch.states()).toEqual(['QUEUED', 'RUNNING']);
    const again = watch.start(watch.seen.at(-1)?.resumeToken);
    await settle();
    watch.progress(0.5);
    await settle();
    expect(watch.told().slice(2)).toEqual([
      [1, 0.5, ''],
      [1, 0.5, ''],
    ]);
    watch.change(succeed);
    await Promise.all([first, again]);
  });

  it('ends with the final state, though its token has a later number, as after a restore from a backup', async () => {
    const watch = setUp();
    watch.change(claim);
    const done = watch.start(resumeToken(watch.newest().id, 40, undefined));
    await settle();
    watch.change(succeed);
    watch.clock.advance(5_000);
    await settle();
    expect([watch.states(), watch.ended()]).toEqual([['SUCCEEDED'], true]);
    await done;
  });

  it('passes progress on without reading, at most one note in 100 ms, and still polls', async () => {
    const watch = setUp();
    const done = watch.start();
    await settle();
    watch.change(claim);
    await settle();
    const reads = watch.reads();
    for (let step = 1; step <= 400; step += 1) {
      watch.progress(step / 1_000);
      watch.clock.advance(10);
      await settle();
    }
    const notes = watch.seen.filter(({ job }) => job.progress);
    expect(notes.length).toBeGreaterThan(20);
    expect(notes.length).toBeLessThanOrEqual(41);
    expect(watch.reads()).toBe(reads);
    watch.change(succeed, { told: false });
    for (let step = 0; step < 600 && !watch.ended(); step += 1) {
      watch.progress(0.9);
      watch.clock.advance(10);
      await settle();
    }
    await done;
    expect(watch.states().at(-1)).toBe('SUCCEEDED');
  });

  it('keeps a note that comes before the view of its attempt is read', async () => {
    const watch = setUp();
    const done = watch.start();
    await settle();
    watch.progress(0.5, 'half');
    await settle();
    watch.change(claim);
    watch.progress(0.6, 'more');
    await settle();
    expect(watch.told()).toEqual([
      [0, undefined, undefined],
      [1, 0.6, 'more'],
    ]);
    watch.change(succeed);
    await done;
  });

  it('tells a note that was lost once the shard knows of it, and nothing older than what it told', async () => {
    const watch = setUp();
    const done = watch.start();
    await settle();
    watch.change(claim);
    await settle();
    watch.beat(0.5, 'half');
    watch.clock.advance(5_000);
    await settle();
    watch.clock.advance(2_000);
    watch.progress(0.8, 'live');
    await settle();
    watch.clock.advance(3_000);
    await settle();
    const told = [
      [0, undefined, undefined],
      [1, undefined, undefined],
      [1, 0.5, 'half'],
      [1, 0.8, 'live'],
    ];
    expect(watch.told()).toEqual(told);
    watch.beat(0.9, 'late');
    watch.clock.advance(5_000);
    await settle();
    watch.clock.advance(5_000);
    await settle();
    expect(watch.told()).toEqual([...told, [1, 0.9, 'late']]);
    watch.change(succeed);
    await done;
    expect(watch.told().at(-1)).toEqual([1, undefined, undefined]);
  });

  it('tells nothing of an attempt that is over', async () => {
    const watch = setUp();
    const done = watch.start();
    await settle();
    watch.change(claim);
    watch.progress(0.5);
    await settle();
    watch.change({ kind: 'report', token: 't', outcome: { kind: 'stopped' } });
    watch.change({ ...claim, token: 't2' });
    await settle();
    watch.progress(0.6, 'zombie', 1);
    watch.clock.advance(100);
    await settle();
    expect(watch.told()).toEqual([
      [0, undefined, undefined],
      [1, 0.5, ''],
      [2, undefined, undefined],
    ]);
    watch.change({ kind: 'report', token: 't2', outcome: { kind: 'succeeded' } });
    await done;
  });

  it('ends with the call, and leaves nothing behind', async () => {
    const controller = new AbortController();
    const watch = setUp(controller.signal);
    const done = watch.start();
    await settle();
    controller.abort();
    await expect(done).rejects.toMatchObject({ code: 'CALL_CANCELLED' });
    expect([watch.listeners.size, watch.clock.timers()]).toEqual([0, 0]);
  });

  it('keeps nothing for a reader that is slow: it gets the newest view', async () => {
    const watch = setUp();
    const done = watch.start();
    await settle();
    watch.change(claim);
    for (let round = 0; round < 50; round += 1) watch.progress(round / 50);
    watch.change({ kind: 'report', token: 't', outcome: { kind: 'stopped' } });
    watch.change({ ...claim, token: 't2' });
    await settle();
    expect(watch.states()).toEqual(['QUEUED', 'RUNNING']);
    expect(watch.seen.at(-1)?.job.record.attempt).toBe(2);
    watch.change({ kind: 'report', token: 't2', outcome: { kind: 'succeeded' } });
    await done;
  });

  it('never goes back and ends with the final state, whatever is lost, late or doubled', async () => {
    const step = fc.record({
      command: fc.constantFrom<JobCommand>(
        claim,
        { kind: 'report', token: 't', outcome: { kind: 'stopped' } },
        { kind: 'cancel', reason: '' },
        succeed,
      ),
      told: fc.boolean(),
      shown: fc.boolean(),
      twice: fc.boolean(),
      advanceMs: fc.nat(6_000),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.nat(3), async (steps, resumeAt) => {
        const watch = setUp();
        for (const early of steps.slice(0, resumeAt)) watch.change(early.command);
        const done = watch.start();
        for (const { command, told, shown, twice, advanceMs } of steps.slice(resumeAt)) {
          watch.change(command, { told, shown });
          if (twice) watch.change({ kind: 'due' });
          watch.clock.advance(advanceMs);
          await settle();
        }
        if (!isTerminal(watch.newest().state)) watch.change({ kind: 'cancel', reason: '' });
        if (!isTerminal(watch.newest().state))
          watch.change({ kind: 'report', token: 't', outcome: { kind: 'stopped' } });
        watch.show();
        for (let round = 0; round < 20 && !watch.ended(); round += 1) {
          watch.clock.advance(5_000);
          await settle();
        }
        await done;
        const seqs = watch.seen.map(({ job }) => job.record.seq);
        expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
        expect(watch.seen.at(-1)?.job.record).toEqual(watch.newest());
        expect([watch.listeners.size, watch.clock.timers()]).toEqual([0, 0]);
      }),
      { numRuns: 60 },
    );
  });
});
