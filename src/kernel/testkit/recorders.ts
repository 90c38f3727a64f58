/** A log and measures that tests can read. Bounded: a runaway test fails by its assertion, not by memory. */
import type { Logger, Telemetry } from '../../application/ports/runtime.ts';
import { ownValue } from '../../domain/own-value.ts';

/** One logged line. */
export interface LogEntry {
  /** How important it is. */
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** Its structured part. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Its words. */
  readonly message: string;
}

const MAX_ENTRIES = 10_000;

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

/** Telemetry that keeps what was measured. */
export interface RecordingTelemetry extends Telemetry {
  /** Sum of a counter over the label sets that contain `labels`. */
  counted(name: string, labels?: Readonly<Record<string, string>>): number;
}

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
    gauge: () => ({ set: () => undefined }),
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
