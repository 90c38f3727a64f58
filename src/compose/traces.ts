/** Traces of this process, if the configuration names a collector. Otherwise nothing of their library is loaded. */
import { createJobSpans, type JobSpans } from '../application/traces/job-spans.ts';
import { type TracedJob, traceparentOfAttempt } from '../application/traces/trace-ids.ts';
import type { Config } from '../config/index.ts';
import type { ProcessRuntime } from './runtime.ts';
import type { Opened } from './start-steps.ts';

export interface Traces {
  /** Absent without the role `shards`. */
  readonly spans?: JobSpans;
  /** What a handler gets as its trace context. */
  readonly traceparent: (job: TracedJob, attempt: number) => string;
}

const lastSpansMaxMs = 5_000;

export async function openTraces(
  { traces: { url, ratio }, roles }: Pick<Config, 'traces' | 'roles'>,
  { clock, log, telemetry }: Pick<ProcessRuntime, 'clock' | 'log' | 'telemetry'>,
  { nodeId, version, opened }: { readonly nodeId: string; readonly version: string; readonly opened: Opened },
): Promise<Traces | undefined> {
  if (url === undefined) return undefined;
  const traceparent = (job: TracedJob, attempt: number): string => traceparentOfAttempt(job, attempt, ratio);
  if (!roles.includes('shards')) return { traceparent };
  const { createSpanExporter } = await import('../adapters/otlp/span-exporter.ts');
  const sink = createSpanExporter({ url, serviceVersion: version, nodeId, clock, log, telemetry });
  const spans = createJobSpans({ sink, ratio, clock });
  opened.push(() => sink.close(lastSpansMaxMs));
  return { spans, traceparent };
}
