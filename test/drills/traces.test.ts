// Traces in a real Jaeger: the tree of a job that fails, is lost with its node, and has spans of its handler.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { rootSpanIdOf, traceIdOf } from '../../src/application/traces/trace-ids.ts';
import { clusterHandlersDir, startCluster, type TestCluster } from '../support/cluster.ts';
import { type Jaeger, type JaegerSpan, startJaeger } from '../support/jaeger.ts';

/** Any library of OpenTelemetry sends such a span. */
const ownSpan = `
import { existsSync } from 'node:fs';
import { defineHandler, fail } from 'troupe/handlers';

export default defineHandler({
  name: 'test.spans',
  async run({ url, gate }, ctx) {
    const [, traceId, parentSpanId] = ctx.traceparent.split('-');
    const nowNano = BigInt(Date.now()) * 1000000n;
    const span = { traceId, parentSpanId, spanId: ('' + ctx.attempt).repeat(16), name: 'resize', kind: 1 };
    const spans = [{ ...span, startTimeUnixNano: String(nowNano), endTimeUnixNano: String(nowNano + 1000n) }];
    const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'thumbnails' } }] };
    const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
    await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    if (ctx.attempt === 1) throw fail('the first attempt fails', { code: 'FIRST' });
    while (ctx.attempt === 2 && !existsSync(gate)) await new Promise((resolve) => setTimeout(resolve, 10));
  },
});
`;

let cluster: TestCluster;
let jaeger: Jaeger | { readonly lack: string };
beforeAll(async () => {
  jaeger = await startJaeger();
  cluster = await startCluster({ settings: 'lack' in jaeger ? {} : { 'traces.url': jaeger.url, 'traces.ratio': '1' } });
}, 1_300_000);
afterAll(async () => {
  await cluster.stop();
  if (!('lack' in jaeger)) await jaeger.stop();
});

it('shows each attempt below the job, and the spans of the handler below its attempt', async ({ skip }) => {
  if ('lack' in jaeger) {
    skip(jaeger.lack);
    return;
  }
  const { url, trace } = jaeger;
  const own = join(cluster.dir, 'own');
  mkdirSync(own);
  writeFileSync(join(own, 'spans.job.ts'), ownSpan);
  const handlerDirs = [clusterHandlersDir, own];
  const owner = await cluster.startNode('owner', { roles: ['gateway', 'shards'] });
  const worker = await cluster.startNode('worker', { roles: ['workers'], handlerDirs });
  const troupe = owner.client();
  const retry = { maxAttempts: 3, initialDelayMs: 10 };
  const { jobId } = await troupe.submit('test.spans', { url, gate: join(cluster.dir, 'never') }, { retry });
  await cluster.waitFor('the second attempt runs', async () => (await troupe.get(jobId)).attempt === 2, 30_000);
  const spans = async (): Promise<readonly JaegerSpan[]> => (await trace(traceIdOf(jobId))) ?? [];
  await cluster.waitFor(
    'its handler has sent its span',
    async () => (await spans()).some(({ spanID }) => spanID === '2'.repeat(16)),
    30_000,
  );
  await worker.kill();
  await cluster.restartNode(worker);
  expect((await troupe.wait(jobId)).state).toBe('SUCCEEDED');
  await cluster.waitFor('all spans are there', async () => (await spans()).length >= 7, 30_000);
  const all = await spans();
  expect(all).toHaveLength(7);
  expect(all.flatMap(({ warnings }) => warnings ?? [])).toEqual([]);
  const parentOf = ({ references }: JaegerSpan): string | undefined =>
    references.find(({ refType }) => refType === 'CHILD_OF')?.spanID;
  const attempts = all.filter(({ operationName }) => operationName === 'process test.spans');
  const valueOf = ({ tags }: JaegerSpan, name: string): unknown => tags.find(({ key }) => key === name)?.value;
  const byNumber = attempts.toSorted(
    (one, other) => Number(valueOf(one, 'troupe.attempt')) - Number(valueOf(other, 'troupe.attempt')),
  );
  expect(byNumber.map((span) => [valueOf(span, 'troupe.outcome'), valueOf(span, 'error.type')])).toEqual([
    ['failed', 'FIRST'],
    ['lost', 'lost'],
    ['succeeded', undefined],
  ]);
  for (const attempt of byNumber) expect(parentOf(attempt)).toBe(rootSpanIdOf(jobId));
  const inside = all.filter(({ operationName }) => operationName === 'resize');
  expect(new Set(inside.map(parentOf))).toEqual(new Set(byNumber.map(({ spanID }) => spanID)));
}, 240_000);
