/**
 * A logger and telemetry that tests can read. They are bounded, so that a runaway test fails an assertion before it
 * exhausts memory.
 */
import type { Logger, Telemetry } from '../../application/ports/runtime.ts';
import { ownValue } from '../../domain/own-value.ts';

/** One logged line. */
export interface LogEntry {
  /** The severity. */
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** The structured fields, including those of parent loggers. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The text of the line. */
  readonly message: string;
}

const MAX_ENTRIES = 10_000;

/** Creates a logger that appends to `entries`, up to 10,000 lines. `bindings` are added to each line. */
export function createRecordingLogger(entries: LogEntry[], bindings: LogEntry['fields'] = {}): Logger {
  const record =
    (level: LogEntry['level']) =>
    (fields: LogEntry['fields'], message: string): void => {
      if (entries.length < MAX_ENTRIES) entries.push({ level, fields: { ...bindings, ...fields }, message });
    };
  return {
    debug: record('debug'),
    info: record('info'),
    warn: record('warn'),
    error: record('error'),
    child: (more) => createRecordingLogger(entries, { ...bindings, ...more }),
  };
}

/** Telemetry that keeps the values of counters. Gauges and histograms are ignored. */
export interface RecordingTelemetry extends Telemetry {
  /** The sum of a counter over all label sets that include `labels`. Default: all label sets. */
  counted(name: string, labels?: Readonly<Record<string, string>>): number;
}

/** Creates telemetry without samples. */
export function createRecordingTelemetry(): RecordingTelemetry {
  const samples: { name: string; amount: number; labels: Readonly<Record<string, string>> }[] = [];
  const add = (name: string, amount: number, labels: Readonly<Record<string, string>>): void => {
    const same = samples.find((sample) => sample.name === name && contains(sample.labels, labels, true));
    if (same === undefined) samples.push({ name, amount, labels });
    else same.amount += amount;
  };
  return {
    counter: ({ name }) => ({
      add: (amount = 1, labels = {}) => {
        add(name, amount, labels);
      },
    }),
    gauge: () => ({ set: () => undefined, remove: () => undefined }),
    histogram: () => ({ observe: () => undefined }),
    counted: (name, labels = {}) =>
      samples
        .filter((sample) => sample.name === name && contains(sample.labels, labels, false))
        .reduce((sum, sample) => sum + sample.amount, 0),
  };
}

function contains(all: Readonly<Record<string, string>>, some: Readonly<Record<string, string>>, exactly: boolean) {
  const keys = Object.keys(some);
  if (exactly && keys.length !== Object.keys(all).length) return false;
  return keys.every((key) => ownValue(all, key) === ownValue(some, key));
}
