/**
 * Durations and sizes as people write them: `250ms`, `5m`, `512MiB`. They are parsed once, when a handler is defined.
 */

const durationUnitsMs: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);
const sizeUnitsBytes: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
]);

/** A duration such as `'5m'`, or a number of milliseconds. */
export type Duration = string | number;
/** A size such as `'512MiB'`, or a number of bytes. */
export type Size = string | number;

function parseQuantity(value: string | number, units: ReadonlyMap<string, number>): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  const match = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(value.trim());
  const unit = units.get(match?.[2] ?? '');
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

/** Whole milliseconds. Returns `undefined` if `value` is not a duration. */
export function parseDurationMs(value: Duration): number | undefined {
  const ms = parseQuantity(value, durationUnitsMs);
  return ms === undefined ? undefined : Math.round(ms);
}

/** Whole bytes. Returns `undefined` if `value` is not a size. */
export function parseSizeBytes(value: Size): number | undefined {
  const bytes = parseQuantity(value, sizeUnitsBytes);
  return bytes === undefined ? undefined : Math.round(bytes);
}
