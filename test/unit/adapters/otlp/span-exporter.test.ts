// Spans on their way to a collector: what arrives, and what becomes of them when it does not take them.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createSpanExporter } from '../../../../src/adapters/otlp/span-exporter.ts';
import type { FinishedSpan } from '../../../../src/application/ports/span-sink.ts';
import { createPrometheusTelemetry } from '../../../../src/adapters/telemetry/prometheus.ts';
import { type OtlpCollector, startOtlpCollector } from '../../../support/otlp-collector.ts';
import { createManualClock } from '../../application/manual-clock.ts';

let collector: OtlpCollector;
beforeEach(async () => {
  collector = await startOtlpCollector();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await collector.close();
});

const span = (n: number): FinishedSpan => ({
  traceId: n.toString(16).padStart(32, '0'),
  spanId: n.toString(16).padStart(16, '0'),
  parentSpanId: 'b7ad6b7169203331',
  name: `process ${n}`,
  kind: 'consumer',
  startedAtMs: 1_700_000_000_123.5,
  endedAtMs: 1_700_000_001_000,
  failed: n % 2 === 1,
  attributes: { 'troupe.attempt': n, 'troupe.handler': 'h' },
  links: [{ traceId: 'a'.repeat(32), spanId: 'c'.repeat(16) }],
});

function exporter(url = collector.url) {
  const clock = createManualClock();
  const telemetry = createPrometheusTelemetry();
  const warned: unknown[] = [];
  const quiet = (): void => undefined;
  const log = {
    debug: quiet,
    info: quiet,
    error: quiet,
    warn: (fields: unknown) => void warned.push(fields),
    child: () => log,
  };
  const spans = createSpanExporter({ url, serviceVersion: '1.2.3', nodeId: 'n1', clock, log, telemetry });
  const countOf = async (result: string): Promise<number> => {
    const line = (await telemetry.metricsText()).split('\n').find((text) => text.includes(`{result="${result}"}`));
    return Number(line?.split(' ')[1] ?? 0);
  };
  return { clock, spans, warned, countOf };
}

it('arrive as they are, 5 s later at the latest', async () => {
  vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'deployment.environment.name=test');
  const { clock, spans, countOf } = exporter();
  spans.add(span(1));
  spans.add({ ...span(2), kind: 'producer', endedAtMs: span(2).startedAtMs });
  expect(collector.requests()).toBe(0);
  clock.advance(5_000);
  await vi.waitUntil(() => collector.spans.length === 2);
  expect(collector.spans[0]).toMatchObject({
    traceId: span(1).traceId,
    spanId: span(1).spanId,
    parentSpanId: 'b7ad6b7169203331',
    name: 'process 1',
    kind: 5,
    startNano: 1_700_000_000_123_500_000n,
    endNano: 1_700_000_001_000_000_000n,
    status: 2,
    attributes: { 'troupe.attempt': 1, 'troupe.handler': 'h' },
    links: ['c'.repeat(16)],
    resource: {
      'service.name': 'troupe',
      'service.version': '1.2.3',
      'service.instance.id': 'n1',
      'deployment.environment.name': 'test',
    },
  });
  expect(collector.spans[1]).toMatchObject({ kind: 4, status: 0 });
  // A backend complains of a span that takes no time.
  expect((collector.spans[1]?.endNano ?? 0n) - (collector.spans[1]?.startNano ?? 0n)).toBeGreaterThan(0n);
  await vi.waitUntil(async () => (await countOf('exported')) === 2);
  await spans.close(1_000);
});

it('go at once when 512 have come, and the rest when all ends', async () => {
  const { spans, countOf } = exporter();
  for (let n = 0; n < 600; n += 1) spans.add(span(n));
  await vi.waitUntil(() => collector.spans.length === 512);
  await spans.close(1_000);
  expect(collector.spans).toHaveLength(600);
  expect(await countOf('exported')).toBe(600);
  spans.add(span(1));
  expect(await countOf('dropped')).toBe(1);
});

it('are dropped and counted beyond 2,048, while the collector does not answer', async () => {
  collector.answer = 'hang';
  const { clock, spans, countOf } = exporter();
  for (let n = 0; n < 4_000; n += 1) spans.add(span(n));
  // 512 are on their way.
  expect(await countOf('dropped')).toBe(4_000 - 2_048 - 512);
  const closing = spans.close(3_000);
  clock.advance(3_000);
  await closing;
  expect(await countOf('dropped')).toBe(4_000 - 512);
  expect(await countOf('exported')).toBe(0);
});

it('that the collector refuses are counted, and the log says so once a minute', async () => {
  collector.answer = 400;
  const { clock, spans, warned, countOf } = exporter();
  for (const failed of [1, 2]) {
    spans.add(span(failed));
    clock.advance(5_000);
    await vi.waitUntil(async () => (await countOf('failed')) === failed);
  }
  expect(warned).toMatchObject([{ event: 'spans.failed', url: collector.url }]);
  clock.advance(60_000);
  spans.add(span(3));
  clock.advance(5_000);
  await vi.waitUntil(() => warned.length === 2);
  collector.answer = 200;
  spans.add(span(4));
  await spans.close(1_000);
  expect(collector.spans.map(({ name }) => name)).toEqual(['process 4']);
});

it('are not told of in the words of the collector, as many as it may have', async () => {
  collector.answer = 400;
  collector.body = 'x'.repeat(3 * 1_048_576);
  const { clock, spans, warned } = exporter();
  spans.add(span(1));
  clock.advance(5_000);
  await vi.waitUntil(() => warned.length === 1);
  expect(JSON.stringify(warned).length).toBeLessThan(500);
  expect(warned).toMatchObject([{ reason: 'Bad Request' }]);
  await spans.close(1_000);
});

it('are given up after a minute, so that a collector that never ends does not hold those behind them', async () => {
  collector.answer = 'hang';
  const { clock, spans, countOf } = exporter();
  spans.add(span(1));
  clock.advance(5_000);
  await vi.waitUntil(() => collector.requests() === 1);
  spans.add(span(2));
  clock.advance(60_000);
  await vi.waitUntil(async () => (await countOf('failed')) === 1);
  collector.answer = 200;
  await spans.close(1_000);
  expect(collector.spans.map(({ name }) => name)).toEqual(['process 2']);
});

it('have nobody who waits when there is no collector', async () => {
  await collector.close();
  const { clock, spans, countOf } = exporter();
  spans.add(span(1));
  const closing = spans.close(100);
  clock.advance(100);
  await closing;
  expect(await countOf('exported')).toBe(0);
  collector = await startOtlpCollector();
});
