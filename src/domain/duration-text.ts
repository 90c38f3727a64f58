/** Durations as people write them: `250ms`, `90s`, `1h30m`. On the command line, in files of queues, in environments. */

const unitsMs: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

/** Undefined when `text` is no duration. A number without a unit is none: too many mean seconds. */
export function parseDurationMs(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined;
  let sumMs = 0;
  for (const [, amount = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    sumMs += Number(amount) * (unitsMs.get(unit) ?? 0);
  }
  return Math.round(sumMs);
}

/** Nothing left out, as `parseDurationMs` reads it: `1h30m`, `90s500ms` is `1m30s500ms`. */
export function exactDurationText(ms: number): string {
  let rest = ms;
  const parts = [...unitsMs].reverse().flatMap(([unit, unitMs]) => {
    const count = Math.floor(rest / unitMs);
    rest -= count * unitMs;
    return count === 0 ? [] : [`${count}${unit}`];
  });
  return parts.length === 0 ? '0s' : parts.join('');
}
