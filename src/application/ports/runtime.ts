/** What every part gets instead of globals: time, chance, a log, measures. Tests own them. */

export interface Clock {
  /** Epoch ms at a steady pace, which never goes back (`domain/steady-time.ts`). For records, ids and deadlines. */
  nowMs(): number;
  /** Epoch ms as this machine has it, which may step. For dates that people say. */
  wallMs(): number;
  /** Monotonic ms; for deadlines and durations. */
  monotonicMs(): number;
  /** One-shot timer. The returned function cancels it and is safe to call twice. */
  setTimer(delayMs: number, fire: () => void): () => void;
}

/** Uniform in [0, 1). */
export type Random = () => number;

type LogFields = Readonly<Record<string, unknown>>;

/** Object first, constant lower-case message. Errors go under `err`. Payloads are never logged. */
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
}
export interface Histogram {
  /** In the unit that the name ends with. */
  observe(value: number, labels?: Readonly<Record<string, string>>): void;
}

export interface MetricOptions {
  /** Full name with unit; all of them stand in `domain/measures.ts`. */
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
  readonly buckets?: readonly number[];
}

/** Asking twice for one name gives the same instrument. */
export interface Telemetry {
  counter(options: MetricOptions): Counter;
  gauge(options: MetricOptions): Gauge;
  histogram(options: MetricOptions): Histogram;
}
