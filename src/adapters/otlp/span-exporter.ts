/**
 * Sends spans to a collector by OTLP over HTTP, in batches. Bounded: what does not fit the queue is dropped and counted, and
 * what the collector does not take in time is given up and counted. Nobody waits for it.
 *
 * The exporter reads the standard OTEL_EXPORTER_OTLP_* variables itself: headers, certificates, compression, timeout.
 */
import { type HrTime, SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import type { Clock, Counter, Logger, Telemetry } from '../../application/ports/runtime.ts';
import type { FinishedSpan, SpanSink } from '../../application/ports/span-sink.ts';
import { clipped } from '../../domain/clipped-text.ts';
import { counters } from '../../domain/measures.ts';
import { given } from '../../domain/given.ts';

type ReadableSpan = Parameters<OTLPTraceExporter['export']>[0][number];

export interface SpanExporterOptions {
  /** URL of `/v1/traces`. */
  readonly url: string;
  readonly serviceVersion: string;
  readonly nodeId: string;
  readonly clock: Pick<Clock, 'setTimer' | 'monotonicMs'>;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

export interface SpanExporter extends SpanSink {
  /** Sends what is left, for at most `maxMs`. What is added afterwards is dropped. */
  close(maxMs: number): Promise<void>;
}

/** Defaults of the specification of OpenTelemetry (OTEL_BSP_*). */
const queueMax = 2_048;
const batchMax = 512;
const batchEveryMs = 5_000;
/** Records have whole ms, and backends complain of spans that end as they begin. */
const leastMs = 0.001;
/** The exporter bounds silences only, so a collector that answers a little now and then would hold a batch for ever. */
const batchMaxMs = 60_000;
/** Of what a collector says in the log. */
const reasonMaxChars = 300;
/** Between two lines of the log about a collector that takes nothing. */
const complainEveryMs = 60_000;

const version = { schemaUrl: 'https://opentelemetry.io/schemas/1.45.0' };

export function createSpanExporter(options: SpanExporterOptions): SpanExporter {
  const { url, clock, telemetry } = options;
  const exporter = new OTLPTraceExporter({ url });
  const queue = new SpanQueue((batch) => sendBatch(exporter, batch), {
    ...options,
    spans: telemetry.counter({ ...counters.spans, help: 'Spans of jobs by what became of them.' }),
    readable: spansOf(options),
    clock,
  });
  return {
    add: (span) => {
      queue.add(span);
    },
    async close(maxMs) {
      await queue.close(maxMs);
      // It would wait for a collector that does not answer.
      exporter.shutdown().catch(() => undefined);
    },
  };
}

/** Rejects with the reason of the collector, or of the connection. */
function sendBatch(exporter: OTLPTraceExporter, batch: ReadableSpan[]): Promise<void> {
  return new Promise((resolve, reject) => {
    exporter.export(batch, ({ code, error }) => {
      if (code === ExportResultCode.SUCCESS) resolve();
      else reject(error ?? new Error('the collector did not take the spans'));
    });
  });
}

interface QueueParts extends Pick<SpanExporterOptions, 'clock' | 'log' | 'url'> {
  readonly spans: Counter;
  readonly readable: (span: FinishedSpan) => ReadableSpan;
}

class SpanQueue {
  readonly #send: (batch: ReadableSpan[]) => Promise<void>;
  readonly #parts: QueueParts;
  #waiting: FinishedSpan[] = [];
  #underWay: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #isClosed = false;
  #quietUntilMs = 0;

  constructor(send: (batch: ReadableSpan[]) => Promise<void>, parts: QueueParts) {
    this.#send = send;
    this.#parts = parts;
  }

  add(span: FinishedSpan): void {
    if (this.#isClosed || this.#waiting.length >= queueMax) {
      this.#parts.spans.add(1, { result: 'dropped' });
      return;
    }
    this.#waiting.push(span);
    if (this.#waiting.length >= batchMax) this.#flush();
    else this.#arm();
  }

  /** Resolves when all were sent or given up, or when the time is over. */
  async close(maxMs: number): Promise<void> {
    this.#isClosed = true;
    let cancel = (): void => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.#parts.clock.setTimer(maxMs, resolve);
    });
    await Promise.race([this.#drain(), late]);
    cancel();
    this.#cancelTimer?.();
    const left = this.#waiting.length;
    this.#waiting = [];
    if (left > 0) this.#parts.spans.add(left, { result: 'dropped' });
  }

  async #drain(): Promise<void> {
    this.#flush();
    while (this.#underWay !== undefined) {
      await this.#underWay;
      this.#flush();
    }
  }

  #arm(): void {
    this.#cancelTimer ??= this.#parts.clock.setTimer(batchEveryMs, () => {
      this.#cancelTimer = undefined;
      this.#flush();
    });
  }

  /** One batch at a time, so that a slow collector has no more than one of ours. */
  #flush(): void {
    if (this.#underWay !== undefined || this.#waiting.length === 0) return;
    const batch = this.#waiting.splice(0, batchMax);
    this.#underWay = this.#sent(batch).finally(() => {
      this.#underWay = undefined;
      if (this.#waiting.length >= batchMax) this.#flush();
      else if (this.#waiting.length > 0 && !this.#isClosed) this.#arm();
    });
  }

  async #sent(batch: readonly FinishedSpan[]): Promise<void> {
    const { spans, readable } = this.#parts;
    try {
      await this.#inTime(this.#send(batch.map(readable)));
      spans.add(batch.length, { result: 'exported' });
    } catch (error) {
      spans.add(batch.length, { result: 'failed' });
      this.#complain(error);
    }
  }

  /** What becomes of a batch afterwards is not looked at. The exporter has no more than 30 of them. */
  async #inTime(sending: Promise<void>): Promise<void> {
    let cancel = (): void => undefined;
    const late = new Promise<never>((_, reject) => {
      cancel = this.#parts.clock.setTimer(batchMaxMs, () => {
        reject(new Error(`the collector did not take the spans within ${batchMaxMs} ms`));
      });
    });
    await Promise.race([sending, late]).finally(cancel);
  }

  #complain(error: unknown): void {
    const { clock, log, url } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (nowMs < this.#quietUntilMs) return;
    this.#quietUntilMs = nowMs + complainEveryMs;
    log.warn({ event: 'spans.failed', url, reason: reasonOf(error) }, 'the collector takes no spans; they are dropped');
  }
}

/** Not the error itself, which has the body of the answer: up to 4 MiB. */
function reasonOf(error: unknown): string {
  const { message = '', code } = error as { readonly message?: string; readonly code?: unknown };
  return clipped(message === '' ? String(code ?? error) : message, reasonMaxChars);
}

/** OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win. */
function spansOf({ serviceVersion, nodeId }: SpanExporterOptions): (span: FinishedSpan) => ReadableSpan {
  const own = { 'service.name': 'troupe', 'service.version': serviceVersion, 'service.instance.id': nodeId };
  const resource = resourceFromAttributes(own, version).merge(
    detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] }),
  );
  const instrumentationScope = { name: 'troupe', version: serviceVersion, ...version };
  return (span) => {
    const { traceId, parentSpanId } = span;
    const at = (spanId: string) => ({ traceId, spanId, traceFlags: TraceFlags.SAMPLED });
    const parent = parentSpanId === undefined ? undefined : at(parentSpanId);
    const endedAtMs = Math.max(span.endedAtMs, span.startedAtMs + leastMs);
    return {
      name: span.name,
      kind: span.kind === 'producer' ? SpanKind.PRODUCER : SpanKind.CONSUMER,
      spanContext: () => at(span.spanId),
      startTime: timeOf(span.startedAtMs),
      endTime: timeOf(endedAtMs),
      duration: timeOf(endedAtMs - span.startedAtMs),
      status: { code: span.failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
      attributes: span.attributes,
      links: span.links.map((link) => ({ context: { ...link, traceFlags: TraceFlags.NONE } })),
      events: [],
      ended: true,
      resource,
      instrumentationScope,
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
      ...given({ parentSpanContext: parent }),
    };
  };
}

/** Seconds and nanoseconds. */
function timeOf(ms: number): HrTime {
  const s = Math.floor(ms / 1_000);
  return [s, Math.round((ms - 1_000 * s) * 1_000_000)];
}
