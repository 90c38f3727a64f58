/** Traces of jobs, for a collector of OpenTelemetry. */
import { z } from 'zod';
import { key } from './schema-key.ts';
import { serviceUrl } from './service-url.ts';

export const tracesSection = z.strictObject({
  url: key(serviceUrl.optional(), {
    meaning:
      'Where spans go: a collector that takes OTLP over HTTP, such as `http://collector:4318/v1/traces`. Without it, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` counts, or `OTEL_EXPORTER_OTLP_ENDPOINT` with `/v1/traces` behind it.',
    consequence:
      'Turns traces on: shards send spans, and handlers get the trace of their attempt in `ctx.traceparent`. Give it to all nodes with shards or workers. Spans hold the names of queues and handlers, and no payloads.',
    defaultNote: 'no traces',
  }),
  ratio: key(z.number().min(0).max(1).default(0.01), {
    meaning:
      'Share of the jobs whose attempts are all traced, if the submitter sent no `traceparent`; otherwise its flag decides. `OTEL_TRACES_SAMPLER` and its argument count if this is not set.',
    consequence:
      'Of other jobs, attempts that failed or were among the slowest thousandth are traced, up to 100 per second and process. The same on all nodes.',
  }),
});
