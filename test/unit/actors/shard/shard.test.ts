import { beforeEach, describe, expect, it } from 'vitest';
import type { SubmitItem } from '../../../../src/application/ports/shard-protocol.ts';
import type { JobSpec } from '../../../../src/domain/job.ts';
import { composeJobId, type JobId } from '../../../../src/domain/job-id.ts';
import { testSpec } from '../../../support/jobs.ts';
import {
  harnessTenantMax,
  harnessShard,
  type ShardHarness,
  startShardHarness,
} from '../../../support/shard-harness.ts';

const job = (overrides: Partial<JobSpec> = {}): SubmitItem => ({ spec: testSpec(overrides) });
const keyed = (keyHash: string, contentHash = 'content'): SubmitItem => ({ ...job(), keyHash, contentHash });

describe('a shard', () => {
  let shard: ShardHarness;

  beforeEach(async () => {
    shard = await startShardHarness();
    return () => shard.close();
  });

  async function running(overrides: Partial<JobSpec> = {}): Promise<{ jobId: JobId; token: string }> {
    const { record } = await shard.call('submit', job(overrides));
    const grant = await shard.call('claim', { jobId: record.id, node: 'n1', epoch: 1, ackTo: 'ack' });
    if (grant.kind !== 'granted') throw new Error(`claim: ${grant.kind}`);
    return { jobId: record.id, token: grant.token };
  }
  it('answers a batch without items, and goes on', async () => {
    expect(await shard.kit.outcome(shard.sendAll('get', []), 1_000)).toEqual([]);
    expect((await shard.call('submit', job())).duplicate).toBe(false);
  });

  it('answers a submit when it is durable, then publishes the work and the event', async () => {
    const { record, duplicate } = await shard.call('submit', job());
    expect(duplicate).toBe(false);
    expect(await shard.store.jobs.findJob(record.id)).toEqual(record);
    await shard.kit.settle();
    expect(shard.work).toMatchObject([{ jobId: record.id, attempt: 0 }]);
    expect(shard.events).toMatchObject([{ jobId: record.id, seq: 1, type: 'queued' }]);
    expect(await shard.call('get', { jobId: record.id })).toEqual({ record });
  });

  it('publishes of a job whose queue says so its end alone, and a later owner does the same', async () => {
    const quiet = await running({ publishedEvents: 'ends' });
    const loud = await running();
    const typesOf = (jobId: JobId) =>
      shard.events.filter((one) => one.jobId === jobId).map(({ seq, type }) => [seq, type]);
    expect(typesOf(quiet.jobId)).toEqual([]);
    shard.broker = 'down';
    for (const { jobId, token } of [quiet, loud]) {
      await shard.call('report', { jobId, token, outcome: { kind: 'succeeded' } });
    }
    await shard.stop();
    shard.broker = 'up';
    await shard.start();
    await shard.kit.settle();
    expect(typesOf(quiet.jobId)).toEqual([[3, 'succeeded']]);
    expect(new Set(typesOf(loud.jobId).map(([seq]) => seq))).toEqual(new Set([1, 2, 3]));
    expect((await shard.store.jobs.findJob(quiet.jobId))?.trail).toHaveLength(3);
  });

  it('puts what arrives together into one commit', async () => {
    const before = await shard.call('submit', job());
    const commits = async (): Promise<number> => {
      const { bucket } = { bucket: Math.floor(before.record.createdAtMs / 60_000) };
      return (await shard.store.jobs.readCommits({ shard: harnessShard, bucket })).commits;
    };
    const first = await commits();
    await shard.kit.outcome(Promise.all(Array.from({ length: 100 }, () => shard.send('submit', job()))));
    expect(await commits()).toBe(first + 1);
  });

  it('asks the store once about all keys that arrive together, and puts their jobs into one commit', async () => {
    const { record } = await shard.call('submit', keyed('former'));
    const partition = { shard: harnessShard, bucket: Math.floor(record.createdAtMs / 60_000) };
    const { commits } = await shard.store.jobs.readCommits(partition);
    await shard.start();
    shard.keyQuestions.length = 0;
    const keys = [...Array.from({ length: 50 }, (_, n) => `k${n}`), 'former', 'k7'];
    const answers = await shard.kit.outcome(
      shard.sendAll(
        'submit',
        keys.map((key) => keyed(key)),
      ),
    );
    expect(answers.map(({ duplicate }) => duplicate)).toEqual(keys.map((_, n) => n >= 50));
    expect(answers[50]?.record.id).toBe(record.id);
    expect(answers[51]?.record.id).toBe(answers[7]?.record.id);
    expect(shard.keyQuestions).toEqual([keys.slice(0, 50)]);
    expect((await shard.store.jobs.readCommits(partition)).commits).toBe(commits + 1);
  });

  it('gives the same job for the same key, also to those who ask at once, also after a recovery', async () => {
    const [one, two] = await shard.kit.outcome(
      Promise.all([shard.send('submit', keyed('k')), shard.send('submit', keyed('k'))]),
    );
    expect(two.record.id).toBe(one.record.id);
    expect([one.duplicate, two.duplicate]).toEqual([false, true]);
    await shard.start();
    expect(await shard.call('submit', keyed('k'))).toMatchObject({ duplicate: true, record: { id: one.record.id } });
    await expect(shard.call('submit', keyed('k', 'other'))).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  it('refuses a key that it cannot look up, and goes on', async () => {
    shard.keys = 'down';
    await expect(shard.call('submit', keyed('k'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const { record } = await shard.call('submit', job());
    expect(record.state).toBe('QUEUED');
    shard.keys = 'up';
    expect(await shard.call('submit', keyed('k'))).toMatchObject({ duplicate: false });
  });

  it('counts what was accepted while a key was looked up against the backlog', async () => {
    const full = new Array<undefined>(harnessTenantMax - 1).fill(undefined);
    await Promise.all(full.map(() => shard.call('submit', job())));
    const answers = await Promise.allSettled(['a', 'b', 'c'].map((key) => shard.call('submit', keyed(key))));
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(answers[1]).toMatchObject({ reason: { code: 'BACKLOG_FULL' } });
  });

  it('grants a claim once and acknowledges the message only when the claim is durable', async () => {
    const { record } = await shard.call('submit', job());
    shard.fates.push('unavailable');
    const claim = { jobId: record.id, node: 'n1', epoch: 1, ackTo: 'ack-1' };
    expect(await shard.call('claim', claim)).toMatchObject({ kind: 'granted', attempt: 1 });
    expect(shard.acks).toEqual([]);
    await shard.kit.advance(1_000);
    expect(shard.acks).toEqual(['ack-1']);
    expect(await shard.call('claim', { ...claim, ackTo: 'ack-2' })).toEqual({ kind: 'drop' });
  });

  it('that has nothing to write learns within seconds that it was deposed', async () => {
    await shard.store.jobs.takeShard(harnessShard, 'successor');
    await shard.kit.advance(7_000);
    await expect(shard.call('submit', job())).rejects.toMatchObject({ code: 'SHARD_UNAVAILABLE' });
  });

  it('does not take its own standstill for the silence of a node', async () => {
    const { jobId } = await running();
    await shard.kit.advance(1_000);
    // Timers fire, but nothing is handled: as in a process that was suspended.
    const awakeMs = shard.kit.clock.monotonicMs() + 30_000;
    while (shard.kit.clock.step(awakeMs));
    await shard.kit.advance(5_000);
    expect(await shard.call('get', { jobId })).toMatchObject({ record: { state: 'RUNNING' } });
    await shard.kit.advance(5_000);
    expect(await shard.call('get', { jobId })).toMatchObject({ record: { state: 'QUEUED' } });
  });

  it('leaves a message alone that a later owner has dispatched: it may be the only word on a job not known here', async () => {
    const theirs = composeJobId({ createdAtMs: shard.kit.clock.nowMs(), shard: harnessShard, queueNo: 1 }, 7n);
    const claim = { jobId: theirs, node: 'n1', ackTo: 'ack-1' };
    expect(await shard.call('claim', { ...claim, epoch: 2 })).toEqual({ kind: 'later' });
    expect(await shard.call('claim', { ...claim, epoch: 1 })).toEqual({ kind: 'drop' });
  });

  it('records the outcome of the attempt that holds the token, and of no other', async () => {
    const { jobId, token } = await running();
    const output = { kind: 'json', json: '42' } as const;
    const stale = await shard.call('report', { jobId, token: '9.9', outcome: { kind: 'succeeded', output } });
    expect(stale).toEqual({ kind: 'stale' });
    expect(await shard.call('report', { jobId, token, outcome: { kind: 'succeeded', output } })).toEqual({
      kind: 'recorded',
      state: 'SUCCEEDED',
    });
    expect(await shard.call('report', { jobId, token, outcome: { kind: 'stopped' } })).toEqual({ kind: 'stale' });
    expect(await shard.store.jobs.findJob(jobId)).toMatchObject({ state: 'SUCCEEDED', output });
    await shard.kit.settle();
    expect(shard.events.map((event) => event.type)).toEqual(['queued', 'started', 'succeeded']);
  });

  it('hands the newest checkpoint to the next attempt, over a crash of its owner too; a stale token saves nothing', async () => {
    const { jobId, token } = await running();
    const payload = (n: number) => ({ number: n, bytes: 1, payload: { kind: 'json', json: String(n) } as const });
    shard.fates.push('unavailable');
    const first = shard.send('checkpoint', { jobId, token, ...payload(1) });
    await shard.kit.settle();
    expect(await shard.store.jobs.findJob(jobId)).not.toHaveProperty('checkpoint');
    expect(await shard.kit.outcome(first, 1_000)).toEqual({ kind: 'recorded' });
    const { seq } = (await shard.call('get', { jobId })).record;
    expect(await shard.call('checkpoint', { jobId, token, ...payload(2) })).toEqual({ kind: 'recorded' });
    expect(await shard.call('checkpoint', { jobId, token, ...payload(1) })).toEqual({ kind: 'recorded' });
    expect(await shard.call('checkpoint', { jobId, token: '9.9', ...payload(3) })).toEqual({ kind: 'stale' });
    expect(await shard.store.jobs.findJob(jobId)).toMatchObject({ seq, checkpoint: { attempt: 1, number: 2 } });
    await shard.start();
    await shard.kit.advance(12_000);
    const claim = { jobId, node: 'n2', epoch: 2, ackTo: 'ack' };
    expect(await shard.call('claim', claim)).toMatchObject({
      kind: 'granted',
      attempt: 2,
      checkpoint: { kind: 'json', json: '2' },
    });
    expect(await shard.call('checkpoint', { jobId, token, ...payload(4) })).toEqual({ kind: 'stale' });
    expect(new Set(shard.events.map(({ seq: number }) => number))).toEqual(new Set([1, 2, 3]));
  });

  it('holds the log of a run until its end is durable, then says where it lies; no other token adds to it', async () => {
    const { jobId, token } = await running();
    const lines = [1, 2].map((number) => ({ attempt: 1, number, atMs: 1, level: 'info', text: 'x' }) as const);
    expect(await shard.call('log', { jobId, token: '9.9', after: 0, lines })).toEqual({ kind: 'stale' });
    expect(await shard.call('log', { jobId, token, after: 0, lines })).toEqual({ kind: 'kept', through: 2 });
    const seen = { attempt: 1, number: 1 };
    expect(await shard.call('readLog', { jobId, seen })).toEqual({ stored: [], lines: lines.slice(1) });
    const log = { kind: 'json', json: JSON.stringify(lines) } as const;
    await shard.call('report', { jobId, token, outcome: { kind: 'stopped' }, log });
    const stored = [{ attempt: 1, payload: log }];
    expect(await shard.call('readLog', { jobId, seen })).toEqual({ stored, lines: [] });
    expect(await shard.store.jobs.findJob(jobId)).toMatchObject({ state: 'QUEUED', logs: stored });
    shard.lease = false;
    await expect(shard.call('readLog', { jobId, seen })).rejects.toMatchObject({ code: 'SHARD_UNAVAILABLE' });
  });

  it('dispatches a failed job again when its back-off is over', async () => {
    const { jobId, token } = await running();
    const failure = { reason: 'HANDLER_FAILED', message: 'no' } as const;
    await shard.call('report', { jobId, token, outcome: { kind: 'failed', failure, retryable: true } });
    await shard.kit.advance(2_000);
    expect(shard.work.map((message) => message.attempt)).toEqual([0, 1]);
    expect(await shard.call('get', { jobId })).toMatchObject({ record: { state: 'QUEUED', failures: 1 } });
  });

  it('holds a scheduled job until its time', async () => {
    const runAtMs = shard.kit.clock.nowMs() + 90_000;
    const { record } = await shard.call('submit', job({ runAtMs }));
    expect(record.state).toBe('SCHEDULED');
    await shard.kit.advance(89_000);
    expect(shard.work).toEqual([]);
    await shard.kit.advance(1_500);
    expect(shard.work).toMatchObject([{ jobId: record.id }]);
  });

  it('cancels what runs in two steps: told to the node, then CANCELLED when its code is gone', async () => {
    const { jobId, token } = await running();
    expect(await shard.call('cancel', { jobId, reason: 'user' })).toMatchObject({ record: { state: 'CANCELLING' } });
    expect(shard.stops).toEqual([{ node: 'n1', jobId, token, why: 'cancel' }]);
    const beat = await shard.call('heartbeat', { node: 'n1', runs: [{ jobId, token }] });
    expect(beat.stop).toEqual([{ jobId, token, why: 'cancel' }]);
    await shard.call('report', { jobId, token, outcome: { kind: 'stopped' } });
    expect(await shard.call('get', { jobId })).toMatchObject({ record: { state: 'CANCELLED' } });
    expect(await shard.call('cancel', { jobId, reason: 'again' })).toMatchObject({ record: { state: 'CANCELLED' } });
  });

  it('refuses to cancel what has ended otherwise', async () => {
    const { jobId, token } = await running();
    await shard.call('report', { jobId, token, outcome: { kind: 'succeeded' } });
    await expect(shard.call('cancel', { jobId, reason: 'late' })).rejects.toMatchObject({ code: 'JOB_STATE_FORBIDS' });
  });

  it('tells the progress of the present run, nothing of an earlier one', async () => {
    const { jobId, token } = await running();
    await shard.call('heartbeat', { node: 'n1', runs: [{ jobId, token, progress: 0.5, note: 'half' }] });
    expect(await shard.call('get', { jobId })).toMatchObject({ progress: { fraction: 0.5, note: 'half' } });
    await shard.call('report', { jobId, token, outcome: { kind: 'stopped' } });
    expect(await shard.call('get', { jobId })).not.toHaveProperty('progress');
    await shard.call('claim', { jobId, node: 'n2', epoch: 1, ackTo: 'ack-2' });
    expect(await shard.call('get', { jobId })).not.toHaveProperty('progress');
  });

  it('tells that a job waits for keys at its node, until that begins it or releases it', async () => {
    const { jobId, token } = await running();
    const waiting = { waitsForKeys: true } as const;
    const runs = (more: object) => ({ node: 'n1', runs: [{ jobId, token, ...more }] });
    await shard.call('heartbeat', runs(waiting));
    expect(await shard.call('get', { jobId })).toMatchObject(waiting);
    await shard.call('heartbeat', runs({}));
    expect(await shard.call('get', { jobId })).not.toHaveProperty('waitsForKeys');
    await shard.call('heartbeat', runs(waiting));
    await shard.call('report', { jobId, token, outcome: { kind: 'released' } });
    const released = await shard.call('get', { jobId });
    expect(released).toMatchObject({ record: { state: 'QUEUED', failures: 0 } });
    expect(released).not.toHaveProperty('waitsForKeys');
  });

  it('gives the job of a silent node to another, uncounted, and refuses the first one afterwards', async () => {
    const { jobId, token } = await running();
    for (let i = 0; i < 5; i += 1) {
      await shard.kit.advance(4_000);
      await shard.call('heartbeat', { node: 'n1', runs: [{ jobId, token }] });
    }
    expect(await shard.call('get', { jobId })).toMatchObject({ record: { state: 'RUNNING' } });
    await shard.kit.advance(12_000);
    expect(await shard.call('get', { jobId })).toMatchObject({ record: { state: 'QUEUED', losses: 1, failures: 0 } });
    expect(shard.work.map((message) => message.attempt)).toEqual([0, 1]);
    const beat = await shard.call('heartbeat', { node: 'n1', runs: [{ jobId, token }] });
    expect(beat.stop).toEqual([{ jobId, token, why: 'stale' }]);
  });

  it('takes no run for lost while its own lease is not renewed: it may be what nobody reaches', async () => {
    const { jobId, token } = await running();
    shard.lease = false;
    await shard.kit.advance(60_000);
    shard.lease = true;
    await shard.kit.advance(5_000);
    const beat = await shard.call('heartbeat', { node: 'n1', runs: [{ jobId, token }] });
    expect(beat.stop).toEqual([]);
    expect(await shard.call('get', { jobId })).toMatchObject({ record: { state: 'RUNNING', losses: 0 } });
    await shard.kit.advance(9_000);
    expect(await shard.call('get', { jobId })).toMatchObject({ record: { state: 'QUEUED', losses: 1 } });
  });

  it('learns unknown outcomes before it answers', async () => {
    shard.fates.push('done-but-unknown', 'lost-and-unknown', 'unavailable');
    const accepted = await shard.kit.outcome(shard.send('submit', job()), 10_000);
    const second = await shard.kit.outcome(shard.send('submit', job()), 10_000);
    for (const { record } of [accepted, second]) {
      expect(await shard.store.jobs.findJob(record.id)).toEqual(record);
    }
  });

  it('stops when it is deposed, and tells its callers that the outcome is unknown', async () => {
    await shard.store.jobs.takeShard(harnessShard, 'usurper');
    const bucketOpen = await shard.call('submit', job()).catch((error: unknown) => error);
    expect(bucketOpen).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect(shard.kit.events.some((event) => event.type === 'crashed')).toBe(true);
    await expect(shard.call('submit', job())).rejects.toMatchObject({ code: 'SHARD_UNAVAILABLE' });
  });

  it('accepts while NATS is away and dispatches when it is back', async () => {
    shard.broker = 'down';
    const { record } = await shard.call('submit', job());
    await shard.kit.advance(5_000);
    expect(shard.work).toEqual([]);
    shard.broker = 'up';
    await shard.kit.advance(1_000);
    expect(shard.work).toMatchObject([{ jobId: record.id }]);
    expect(shard.events).toMatchObject([{ jobId: record.id, seq: 1 }]);
  });

  it('publishes after a crash between commit and publish what the crash kept back', async () => {
    shard.broker = 'down';
    const { record } = await shard.call('submit', job());
    await shard.stop();
    shard.broker = 'up';
    await shard.start();
    expect(shard.work).toMatchObject([{ jobId: record.id }]);
    expect(shard.events).toMatchObject([{ jobId: record.id, seq: 1 }]);
  });

  it('publishes no event again at a recovery when the watermark says it is there, and of the backlog a window', async () => {
    await shard.kit.outcome(shard.sendAll('submit', Array.from({ length: 100 }, job)));
    await shard.kit.advance(60_000);
    const [work, events] = [shard.work.length, shard.events.length];
    await shard.start();
    await shard.kit.advance(60_000);
    expect([work, events]).toEqual([32, 100]);
    expect(shard.work.slice(work).map(({ jobId }) => jobId)).toEqual(
      shard.work.slice(0, work).map(({ jobId }) => jobId),
    );
    expect(shard.events).toHaveLength(events);
  });

  it('dispatches everything again when JetStream was wiped', async () => {
    await shard.call('submit', job());
    await shard.kit.advance(60_000);
    shard.replaceStreams();
    await shard.kit.settle();
    expect(shard.work).toHaveLength(2);
    await shard.kit.advance(2_000);
    shard.streams = 'other, while nobody owned the shard';
    await shard.start();
    expect(shard.work).toHaveLength(3);
  });

  it('keeps the order of the events of a job when publishing fails in between', async () => {
    const { jobId, token } = await running();
    shard.broker = 'down';
    await shard.call('report', { jobId, token, outcome: { kind: 'succeeded' } });
    await shard.kit.advance(700);
    shard.broker = 'up';
    await shard.kit.advance(700);
    expect(shard.events.map((event) => event.seq)).toEqual([1, 2, 3]);
  });

  it('does not answer reads from memory when its lease may be over', async () => {
    const { record } = await shard.call('submit', job());
    shard.lease = false;
    await expect(shard.call('get', { jobId: record.id })).rejects.toMatchObject({ code: 'SHARD_UNAVAILABLE' });
  });

  it('hands over when everything is durable and published', async () => {
    await shard.call('submit', job());
    let done = false;
    const actor = await shard.start();
    actor.tell({ kind: 'hand-over', done: () => (done = true) });
    await shard.kit.settle();
    expect(done).toBe(true);
    await expect(shard.call('submit', job())).rejects.toMatchObject({ code: 'SHARD_UNAVAILABLE' });
  });

  it('expires a job that waited past its queue timeout', async () => {
    const { record } = await shard.call('submit', job({ queueTimeoutMs: 5_000 }));
    await shard.kit.advance(6_000);
    expect(await shard.call('get', { jobId: record.id })).toMatchObject({ record: { state: 'EXPIRED' } });
    expect(await shard.call('claim', { jobId: record.id, node: 'n1', epoch: 1 })).toEqual({
      kind: 'drop',
    });
  });

  it('seals partitions that are over, so that the next owner does not read them', async () => {
    const { jobId, token } = await running();
    await shard.call('report', { jobId, token, outcome: { kind: 'succeeded' } });
    expect(await shard.store.jobs.openBuckets(harnessShard)).toHaveLength(1);
    await shard.kit.advance(6 * 60_000);
    expect(await shard.store.jobs.openBuckets(harnessShard)).toEqual([]);
  });

  it('takes nothing once it hands over: a grant given then could start a run that the next owner knows nothing of', async () => {
    const { record } = await shard.call('submit', job());
    const ref = await shard.start();
    let handedOver = false;
    ref.tell({ kind: 'hand-over', done: () => (handedOver = true) });
    // Behind the order in the mailbox.
    const claimed = shard.send('claim', { jobId: record.id, node: 'n1', epoch: 1, ackTo: 'ack' });
    await expect(shard.kit.outcome(claimed)).rejects.toMatchObject({ code: 'SHARD_UNAVAILABLE' });
    await shard.kit.settle();
    expect(handedOver).toBe(true);
    expect(await shard.store.jobs.findJob(record.id)).toMatchObject({ state: 'QUEUED', attempt: 0 });
  });

  it('a hand-over is over as soon as NATS has what it is told, not a tick later', async () => {
    shard.broker = 'down';
    await shard.call('submit', job());
    await shard.kit.advance(1_000);
    const ref = await shard.start();
    let handedOverMs = 0;
    const beganMs = shard.kit.clock.monotonicMs();
    ref.tell({ kind: 'hand-over', done: () => (handedOverMs = shard.kit.clock.monotonicMs()) });
    await shard.kit.settle();
    shard.broker = 'up';
    await shard.kit.advance(500);
    expect(handedOverMs).toBeGreaterThan(0);
    expect(handedOverMs - beganMs).toBeLessThanOrEqual(500);
  });
});
