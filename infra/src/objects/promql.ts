/**
 * Builds PromQL expressions from the metrics in the code. The types check the labels, because an alert that groups by a
 * missing label would never fire.
 */
import type { counters, gauges, histograms } from '../../../src/contract/measures.ts';

type Counter = (typeof counters)[keyof typeof counters];
type Gauge = (typeof gauges)[keyof typeof gauges];
type Histogram = (typeof histograms)[keyof typeof histograms];
type Measure = Counter | Gauge | Histogram;

/** Labels that the monitors add to every series (observability.ts). */
type TargetLabel = 'pod' | 'component' | 'worker_class';
type LabelOf<M extends Measure> = M['labelNames'][number] | TargetLabel;

/** A label matcher: `=~` if the value begins with `~`, `!~` if it begins with `!`, otherwise `=`. */
export type Where<M extends Measure> = Readonly<Partial<Record<LabelOf<M>, string>>>;

/** Queries of one namespace, because several clusters may share a Prometheus. */
export class Queries {
  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  of<M extends Gauge>(measure: M, where?: Where<M>): string {
    return `${measure.name}${this.#matchers(where)}`;
  }

  /** Increase per second over the window, grouped by the labels. */
  rate<M extends Counter>(measure: M, window: string, by: readonly LabelOf<M>[] = [], where?: Where<M>): string {
    return sum(`rate(${measure.name}${this.#matchers(where)}[${window}])`, by);
  }

  increase<M extends Counter>(measure: M, window: string, by: readonly LabelOf<M>[] = [], where?: Where<M>): string {
    return sum(`increase(${measure.name}${this.#matchers(where)}[${window}])`, by);
  }

  sum<M extends Gauge>(measure: M, by: readonly LabelOf<M>[] = [], where?: Where<M>): string {
    return sum(this.of(measure, where), by);
  }

  max<M extends Gauge>(measure: M, by: readonly LabelOf<M>[] = [], where?: Where<M>): string {
    return `max${grouping(by)} (${this.of(measure, where)})`;
  }

  min<M extends Gauge>(measure: M, by: readonly LabelOf<M>[] = [], where?: Where<M>): string {
    return `min${grouping(by)} (${this.of(measure, where)})`;
  }

  /** The value that this share of the observations stayed below, in the unit of the metric. */
  quantile<M extends Histogram>(
    share: number,
    measure: M,
    window: string,
    { by = [], where }: { readonly by?: readonly LabelOf<M>[]; readonly where?: Where<M> } = {},
  ): string {
    const buckets = sum(`rate(${measure.name}_bucket${this.#matchers(where)}[${window}])`, ['le', ...by]);
    return `histogram_quantile(${share}, ${buckets})`;
  }

  /** Observations per second. */
  observed<M extends Histogram>(measure: M, window: string, by: readonly LabelOf<M>[] = [], where?: Where<M>): string {
    return sum(`rate(${measure.name}_count${this.#matchers(where)}[${window}])`, by);
  }

  /** True while no target exports the metric. */
  absent(measure: Histogram): string {
    return `absent(${measure.name}_count${this.#matchers()})`;
  }

  /** Targets in one namespace that Prometheus cannot scrape. */
  down(namespace: string = this.#namespace): string {
    return `up{namespace="${namespace}"} == 0`;
  }

  #matchers(where: Readonly<Partial<Record<string, string>>> = {}): string {
    const all = Object.entries(where).map(([label, value = '']) => `${label}${matcher(value)}`);
    return `{${[`namespace="${this.#namespace}"`, ...all].join(', ')}}`;
  }
}

function sum(inner: string, by: readonly string[]): string {
  return `sum${grouping(by)} (${inner})`;
}

function grouping(by: readonly string[]): string {
  return by.length === 0 ? '' : ` by (${by.join(', ')})`;
}

function matcher(value: string): string {
  if (value.startsWith('~')) return `=~"${value.slice(1)}"`;
  if (value.startsWith('!')) return `!~"${value.slice(1)}"`;
  return `="${value}"`;
}
