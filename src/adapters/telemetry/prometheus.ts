/**
 * Telemetry on prom-client, with its own registry, so that two nodes in one process (tests) do not share metrics.
 *
 * Invariant: requesting a name twice returns the same instrument. Requesting it as another kind, or with other labels,
 * throws.
 */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { MetricOptions, Telemetry } from '../../application/ports/runtime.ts';
import { invariant } from '../../domain/errors.ts';

export interface PrometheusOptions {
  /** Also export memory, event loop lag, garbage collection and file descriptors of this process. Default: false. */
  readonly processMetrics?: boolean;
  /** Labels of every metric, such as the node's id. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface PrometheusTelemetry extends Telemetry {
  /** All metrics in the text format of Prometheus. */
  metricsText(): Promise<string>;
  readonly contentType: string;
}

type Kind = 'counter' | 'gauge' | 'histogram';

interface Instrument {
  readonly kind: Kind;
  readonly labelNames: readonly string[];
  readonly port: unknown;
}

/** Durations from 0.25 ms (an embedded commit) to 30 s (the longest call). Each bound is about twice the one before. */
const secondsBuckets = [
  ...[0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064],
  ...[0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 30],
];
/** Sizes of groups: 1 to 512. */
const countBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

function bucketsFor(options: MetricOptions): number[] {
  if (options.buckets !== undefined) return [...options.buckets];
  return options.name.endsWith('_seconds') ? secondsBuckets : countBuckets;
}

class Instruments {
  readonly #byName = new Map<string, Instrument>();

  /** Returns the instrument with this name, and creates it if it does not exist. */
  once<P>(kind: Kind, options: MetricOptions, make: () => P): P {
    const labelNames = options.labelNames ?? [];
    const known = this.#byName.get(options.name);
    if (known === undefined) {
      const port = make();
      this.#byName.set(options.name, { kind, labelNames, port });
      return port;
    }
    const isSame = known.kind === kind && known.labelNames.join() === labelNames.join();
    invariant(isSame, `metric ${options.name} is one ${known.kind} with labels ${known.labelNames.join()}`);
    return known.port as P;
  }
}

export function createPrometheusTelemetry(options: PrometheusOptions = {}): PrometheusTelemetry {
  const registry = new Registry();
  if (options.labels !== undefined) registry.setDefaultLabels(options.labels);
  if (options.processMetrics === true) collectDefaultMetrics({ register: registry });
  const instruments = new Instruments();
  const registration = ({ name, help, labelNames = [] }: MetricOptions) => ({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
  });

  return {
    counter: (metric) =>
      instruments.once('counter', metric, () => {
        const counter = new Counter(registration(metric));
        return { add: (amount = 1, labels = {}) => counter.inc(labels, amount) };
      }),
    gauge: (metric) =>
      instruments.once('gauge', metric, () => {
        const gauge = new Gauge(registration(metric));
        return { set: (value, labels = {}) => gauge.set(labels, value), remove: (labels) => gauge.remove(labels) };
      }),
    histogram: (metric) =>
      instruments.once('histogram', metric, () => {
        const histogram = new Histogram({ ...registration(metric), buckets: bucketsFor(metric) });
        return { observe: (value, labels = {}) => histogram.observe(labels, value) };
      }),
    metricsText: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
