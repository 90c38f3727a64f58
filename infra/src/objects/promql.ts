/**
 * Expressions of PromQL made of the measures that the code has. Labels are checked by their types: an alert that groups by
 * a label which its measure lacks would be silent for ever.
 */
import type { counters, gauges, histograms } from '../../../src/contract/measures.ts';

type Counter = (typeof counters)[keyof typeof counters];
type Gauge = (typeof gauges)[keyof typeof gauges];
type Histogram = (typeof histograms)[keyof typeof histograms];
type Measure = Counter | Gauge | Histogram;

/** What the monitors add to every series: see monitors.ts. */
type TargetLabel = 'pod' | 'component' | 'worker_class';
type LabelOf<M extends Measure> = M['labelNames'][number] | TargetLabel;

/** `=~` when it begins with `~`, `!~` with `!`, else `=`. */
export type Where<M extends Measure> = Readonly<Partial<Record<LabelOf<M>, string>>>;

/** Everything asked is asked of one namespace, since several clusters may share a Prometheus. */
export class Queries {
  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  of<M extends Gauge>(measure: M, where?: Where<M>): string {
    return `${measure.name}${this.#matchers(where)}`;
  }

  /** A second, over the window, by the labels. */
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

  /** Seconds (or what it measures) that this share of the observations stayed below. */
  quantile<M extends Histogram>(
    share: number,
    measure: M,
    window: string,
    { by = [], where }: { readonly by?: readonly LabelOf<M>[]; readonly where?: Where<M> } = {},
  ): string {
    const buckets = sum(`rate(${measure.name}_bucket${this.#matchers(where)}[${window}])`, ['le', ...by]);
    return `histogram_quantile(${share}, ${buckets})`;
  }

  /** Observations a second. */
  observed<M extends Histogram>(measure: M, window: string, by: readonly LabelOf<M>[] = [], where?: Where<M>): string {
    return sum(`rate(${measure.name}_count${this.#matchers(where)}[${window}])`, by);
  }

  /** True while nobody has it. */
  absent(measure: Histogram): string {
    return `absent(${measure.name}_count${this.#matchers()})`;
  }

  /** Targets that Prometheus cannot scrape, in one namespace. */
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
