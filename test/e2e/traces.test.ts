/** Traces of a cluster of real processes: each attempt has one span, also when its node dies. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { attemptSpanIdOf, rootSpanIdOf, traceIdOf } from '../../src/application/traces/trace-ids.ts';
import type { JobInfo, TroupeClient } from '../../src/client/index.ts';
import { clusterHandlersDir, startCluster, type TestCluster } from '../support/cluster.ts';
import type { TestNode } from '../support/cluster-node.ts';
import { type CollectedSpan, type OtlpCollector, startOtlpCollector } from '../support/otlp-collector.ts';

const many = 10_000;
const kills = 4;
const tellsTrace = `
import { defineHandler } from 'troupe/handlers';

/** Says under which trace it runs. */
export default defineHandler({ name: 'test.trace', run: (_, ctx) => ({ traceparent: ctx.traceparent }) });
`;

let cluster: TestCluster;
let collector: OtlpCollector;
let owner: TestNode;
let workers: TestNode[];
let troupe: TroupeClient;

beforeAll(async () => {
  collector = await startOtlpCollector();
  const settings = { 'traces.url': collector.url, 'traces.ratio': '1' };
  cluster = await startCluster({ settings });
  const traced = join(cluster.dir, 'traced');
  mkdirSync(traced);
  writeFileSync(join(traced, 'trace.job.ts'), tellsTrace);
  const handlerDirs = [clusterHandlersDir, traced];
  owner = await cluster.startNode('owner', { roles: ['gateway', 'shards'] });
  workers = await Promise.all(
    ['one', 'two'].map((name) => cluster.startNode(name, { roles: ['workers'], threads: 2, handlerDirs })),
  );
  troupe = owner.client();
});
afterAll(async () => {
  await cluster.stop();
  await collector.close();
});

const spansOf = (jobId: string): CollectedSpan[] =>
  collector.spans.filter(({ attributes }) => attributes['messaging.message.id'] === jobId);

async function arrived(jobId: string, spans: number): Promise<CollectedSpan[]> {
  await cluster.waitFor('the spans arrive', () => spansOf(jobId).length >= spans, 30_000);
  return spansOf(jobId);
}

it('hands the span of its attempt to the handler, and links to the submitter', async () => {
  const caller = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const { jobId } = await troupe.submit('test.trace', null, { traceparent: caller });
  const job = await troupe.wait(jobId);
  const [root, attempt, ...rest] = await arrived(jobId, 2);
  expect(rest).toEqual([]);
  expect(job.output).toEqual({ traceparent: `00-${traceIdOf(jobId)}-${attempt?.spanId ?? ''}-01` });
  expect(root).toMatchObject({ spanId: rootSpanIdOf(jobId), parentSpanId: '', links: ['b7ad6b7169203331'] });
  expect(attempt).toMatchObject({ traceId: root?.traceId, parentSpanId: root?.spanId, name: 'process test.trace' });
});

it('takes the flag of the submitter, and keeps what failed all the same', async () => {
  const caller = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';
  const { jobId } = await troupe.submit('test.trace', null, { traceparent: caller });
  expect((await troupe.wait(jobId)).output).toEqual({
    traceparent: `00-${traceIdOf(jobId)}-${attemptSpanIdOf(jobId, 1)}-00`,
  });
  const bad = await troupe.submit('test.flaky', { failures: 9 }, { traceparent: caller, retry: { maxAttempts: 1 } });
  expect((await troupe.wait(bad.jobId)).state).toBe('FAILED');
  const kept = await arrived(bad.jobId, 2);
  expect(kept.map(({ status }) => status)).toEqual([0, 2]);
  expect(kept[1]?.attributes).toMatchObject({ 'troupe.outcome': 'failed', 'error.type': 'FLAKY' });
  expect(spansOf(jobId)).toEqual([]);
});

it(`has one span for each attempt of ${many} jobs, while workers are killed ${kills} times`, async () => {
  const ledger = join(cluster.dir, 'many.ledger');
  const drafts = Array.from({ length: many }, (_, n) => ({ handler: 'test.work', input: { n, ms: 0, ledger } }));
  const outcomes = await troupe.submitMany(drafts);
  const ids = outcomes.map((outcome) => ('ok' in outcome ? outcome.ok.jobId : ''));
  expect(ids).not.toContain('');
  const ended = async (): Promise<number> => {
    const { waiting, running, dueLater } = await troupe.queues.stats('default');
    return many - waiting - running - dueLater;
  };
  for (let kill = 1; kill <= kills; kill += 1) {
    await cluster.waitFor('more have ended', async () => (await ended()) > (kill * many) / (kills + 2), 120_000);
    const [victim, other] = workers as [TestNode, TestNode];
    await victim.kill();
    workers = [other, await cluster.restartNode(victim)];
  }
  await cluster.waitFor('all have ended', async () => (await ended()) === many, 120_000);
  const jobs = new Map<string, JobInfo>();
  for await (const job of troupe.list({ handler: 'test.work', states: ['SUCCEEDED'] })) jobs.set(job.id, job);
  const attempts = ids.reduce((sum, id) => sum + (jobs.get(id)?.attempt ?? 0), 0);
  expect(attempts).toBeGreaterThan(many);
  const wanted = new Set(ids);
  const made = (): CollectedSpan[] =>
    collector.spans.filter(
      ({ kind, attributes }) => kind === 5 && wanted.has(String(attributes['messaging.message.id'])),
    );
  await cluster.waitFor('the spans arrive', () => made().length >= attempts, 30_000);
  expect(made()).toHaveLength(attempts);
  expect(new Set(made().map(({ spanId }) => spanId)).size).toBe(attempts);
  const lost = made().filter(({ attributes }) => attributes['troupe.outcome'] === 'lost');
  expect(lost.length).toBeGreaterThan(0);
});
