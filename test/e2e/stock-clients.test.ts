// Users without our client: any gRPC client by reflection, any NATS client by subject, curl.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TroupeClient } from '../../src/client/index.ts';
import { startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';
import {
  type CloudEventSeen,
  type EventSubscriber,
  subscribeDurable,
  subscribeLive,
} from '../support/cluster-events.ts';
import { clientByReflection, type DynamicClient, listServices } from '../support/grpc-reflection.ts';

let cluster: TestCluster;
let node: TestNode;
let troupe: TroupeClient;

beforeAll(async () => {
  cluster = await startCluster();
  node = await cluster.startNode('one');
  troupe = node.client();
});
afterAll(() => cluster.stop());

describe('a gRPC client that knows nothing', () => {
  let jobs: DynamicClient;
  beforeAll(async () => {
    jobs = await clientByReflection(node.address ?? '', 'troupe.v1.Jobs');
  });
  afterAll(() => jobs.close());

  it('finds the services', async () => {
    expect(await listServices(node.address ?? '')).toEqual(
      expect.arrayContaining(['troupe.v1.Jobs', 'troupe.v1.Queues', 'grpc.health.v1.Health']),
    );
  });

  it('is told by the health service that it may come', async () => {
    const health = await clientByReflection(node.address ?? '', 'grpc.health.v1.Health');
    expect(await health.unary('Check', { service: 'troupe.v1.Jobs' })).toMatchObject({ status: 'SERVING' });
    health.close();
  });

  it('submits, and watches to the end', async () => {
    const { job_id: jobId } = await jobs.unary('SubmitJob', {
      job: { handler: 'test.echo', input: { json: '{"x":1}' } },
    });
    const seen: { readonly state: string; readonly output?: { readonly json?: string } | null }[] = [];
    const stream = jobs.stream('WatchJob', { job_id: jobId });
    for await (const message of stream) seen.push((message as { job: (typeof seen)[number] }).job);
    expect(seen.at(-1)).toMatchObject({ state: 'JOB_STATE_SUCCEEDED', output: { json: '{"x":1}' } });
  });

  it('cancels', async () => {
    const gate = join(cluster.dir, 'generic.gate');
    const input = { json: JSON.stringify({ gate, ledger: join(cluster.dir, 'generic.ledger') }) };
    const { job_id: jobId } = await jobs.unary('SubmitJob', { job: { handler: 'test.hold', input } });
    const running = await cluster.waitFor(
      'it runs',
      async () => {
        const { job } = (await jobs.unary('GetJob', { job_id: jobId })) as { job: { state: string } };
        return job.state === 'JOB_STATE_RUNNING' && job;
      },
      30_000,
    );
    expect(running.state).toBe('JOB_STATE_RUNNING');
    expect(await jobs.unary('CancelJob', { job_id: jobId, reason: 'by hand' })).toMatchObject({
      job: { state: 'JOB_STATE_CANCELLING', cancel_reason: 'by hand' },
    });
    expect(await troupe.wait(jobId as string)).toMatchObject({ state: 'CANCELLED' });
  });
});

describe('a NATS client that knows nothing', () => {
  let live: EventSubscriber;
  let durable: EventSubscriber;
  beforeAll(async () => {
    live = await subscribeLive(cluster.broker.url, cluster.root);
    durable = await subscribeDurable(cluster.broker.url, cluster.root, 'auditor');
  });
  afterAll(async () => {
    await live.close();
    await durable.close();
  });

  const numbers = (events: readonly CloudEventSeen[]): readonly number[] => events.map(({ seq }) => seq);

  it.each([
    ['as they happen', () => live],
    ['from a durable consumer', () => durable],
  ])('gets every event of every job, numbered 1..n, %s', async (_how, which) => {
    const outcomes = await troupe.submitMany([
      ...Array.from({ length: 40 }, (_, n) => ({ handler: 'test.echo', input: n })),
      { handler: 'test.flaky', input: { failures: 2 }, retry: { initialDelayMs: 10, maxDelayMs: 20, maxAttempts: 3 } },
      { handler: 'test.flaky', input: { failures: 9 }, retry: { initialDelayMs: 10, maxDelayMs: 20, maxAttempts: 2 } },
    ]);
    for (const outcome of outcomes) {
      if ('error' in outcome) throw outcome.error;
      const { jobId } = outcome.ok;
      const job = await troupe.wait(jobId);
      const events = await cluster.waitFor(
        `all ${job.seq} events of ${jobId}`,
        () => which().ofJob(jobId).length >= job.seq && which().ofJob(jobId),
        30_000,
      );
      expect(numbers(events)).toEqual(Array.from({ length: job.seq }, (_, at) => at + 1));
      const { history } = await troupe.get(jobId);
      expect(events.map(({ type }) => type)).toEqual(history.map(({ type }) => type));
    }
  });

  it('gets CloudEvents', async () => {
    const { jobId } = await troupe.submit('test.echo', 'x', {
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    });
    await troupe.wait(jobId);
    const [first] = await cluster.waitFor(
      'its events',
      () => live.ofJob(jobId).length === 3 && live.ofJob(jobId),
      30_000,
    );
    expect(first).toMatchObject({
      id: `${jobId}.1`,
      specVersion: '1.0',
      contentType: 'application/json',
      source: `/${cluster.root}/default/default`,
      sequence: '0000000001',
      data: { jobId, seq: 1, handler: 'test.echo', state: 'QUEUED', attempt: 0 },
    });
    expect(Math.abs(Date.now() - Date.parse(first?.time ?? ''))).toBeLessThan(60_000);
  });

  it('gets progress', async () => {
    const gate = join(cluster.dir, 'progress.gate');
    const notes: { readonly jobId: string; readonly note: string }[] = [];
    // Each message is JSON for whoever reads it so, whatever else jobs say.
    live.connection.subscribe(`${cluster.root}.progress.>`, {
      callback: (_error, message) => void notes.push(message.json<(typeof notes)[number]>()),
    });
    let news = 0;
    live.connection.subscribe(`${cluster.root}.logs.>`, { callback: () => void (news += 1) });
    await live.connection.flush();
    const { jobId: talker } = await troupe.submit('test.talks', { lines: 3, gate });
    await cluster.waitFor('news of lines', () => news > 0, 30_000);
    const { jobId } = await troupe.submit('test.hold', { gate, ledger: join(cluster.dir, 'progress.ledger') });
    // On a busy machine the fraction may be seen a moment before the note.
    await cluster.waitFor('a note', () => notes.some(({ note }) => note !== ''), 30_000);
    expect(notes.at(-1)).toMatchObject({ jobId, attempt: 1, fraction: 0.5, note: 'waits at the gate' });
    writeFileSync(gate, '');
    await troupe.wait(jobId);
    await troupe.wait(talker);
    expect(notes.every((note) => note.jobId === jobId)).toBe(true);
  });
});

describe('a person with curl', () => {
  const ask = async (path: string): Promise<{ readonly status: number; readonly text: string }> => {
    const answer = await fetch(node.httpUrl + path);
    return { status: answer.status, text: await answer.text() };
  };

  it('sees that it lives and is ready', async () => {
    expect((await ask('/healthz')).status).toBe(200);
    expect((await ask('/readyz')).status).toBe(200);
  });

  it('sees that it is not ready without NATS, and why, and that it lives', async () => {
    await cluster.freezeNats();
    await cluster.killNats();
    const notReady = await cluster.waitFor(
      'not ready',
      async () => {
        const answer = await ask('/readyz');
        return answer.status === 503 && answer;
      },
      30_000,
    );
    expect(notReady.text).toContain('NATS');
    expect((await ask('/healthz')).status).toBe(200);
    await cluster.restartNats();
    await cluster.waitFor('ready again', async () => (await ask('/readyz')).status === 200, 30_000);
  });

  it('reads the measures', async () => {
    const measures = [
      'troupe_jobs{',
      'troupe_commit_duration_seconds_bucket',
      'troupe_commit_group_records_bucket',
      'troupe_job_start_latency_seconds_bucket',
      'troupe_job_transitions_total',
      'troupe_grpc_requests_total',
      'troupe_outbox_tasks',
      'troupe_runs{',
      'troupe_queue_depth{',
      'troupe_queue_jobs{',
      'troupe_queue_open_bytes{',
      'troupe_queue_oldest_wait_seconds{',
    ];
    // Some are set by the first heartbeat and the first tick of a shard.
    const missing = async (): Promise<readonly string[]> => {
      const { text } = await ask('/metrics');
      return measures.filter((name) => !text.includes(name));
    };
    await cluster.waitFor('all measures', async () => (await missing()).length === 0, 30_000);
  });
});
