/** Time, randomness, log and metrics. Every part receives them instead of using globals, so that tests control them. */

export interface Clock {
  /** Epoch ms at a steady pace, never going back (`domain/steady-time.ts`). For records, ids and deadlines. */
  nowMs(): number;
  /** Epoch ms of this machine's clock, which may step. For dates that people state. */
  wallMs(): number;
  /** Monotonic ms. For timeouts and durations. */
  monotonicMs(): number;
  /** Starts a one-shot timer. The returned function cancels it and may be called twice. */
  setTimer(delayMs: number, fire: () => void): () => void;
}

/** Uniform in [0, 1). */
export type Random = () => number;

type LogFields = Readonly<Record<string, unknown>>;

/** The fields come first, then a constant lower-case message. Errors go under `err`. Payloads are never logged. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(bindings: LogFields): Logger;
}

export interface Counter {
  add(amount?: number, labels?: Readonly<Record<string, string>>): void;
}
export interface Gauge {
  set(value: number, labels?: Readonly<Record<string, string>>): void;
  /** What these labels name is gone: it is not exported any more. Does nothing if it never was. */
  remove(labels: Readonly<Record<string, string>>): void;
}
export interface Histogram {
  /** The value is in the unit that ends the metric's name. */
  observe(value: number, labels?: Readonly<Record<string, string>>): void;
}

export interface MetricOptions {
  /** Full name with its unit. `domain/measures.ts` lists all names. */
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
  readonly buckets?: readonly number[];
}

/** Asking twice for the same name returns the same instrument. */
export interface Telemetry {
  counter(options: MetricOptions): Counter;
  gauge(options: MetricOptions): Gauge;
  histogram(options: MetricOptions): Histogram;
}
