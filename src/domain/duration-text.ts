/**
 * Durations as people write them: `250ms`, `90s`, `1h30m`. Used on the command line, in configuration, in queue files
 * and in handlers.
 */

const unitsMs: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

/**
 * Parses a duration. Returns `undefined` if `text` is not one. A number without a unit is refused, because readers
 * would disagree about the unit. One space may stand before a unit.
 */
export function parseDurationMs(text: string): number | undefined {
  if (!/^(\d+(\.\d+)? ?(ms|s|m|h|d))+$/.test(text)) return undefined;
  let sumMs = 0;
  for (const [, amount = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?) ?(ms|s|m|h|d)/g)) {
    sumMs += Number(amount) * (unitsMs.get(unit) ?? 0);
  }
  return Math.round(sumMs);
}

/**
 * Formats a duration without rounding, in a form that `parseDurationMs` accepts: 5,400,000 ms is `1h30m`, and 90,500 ms
 * is `1m30s500ms`.
 */
export function exactDurationText(ms: number): string {
  let rest = ms;
  const parts = [...unitsMs].reverse().flatMap(([unit, unitMs]) => {
    const count = Math.floor(rest / unitMs);
    rest -= count * unitMs;
    return count === 0 ? [] : [`${count}${unit}`];
  });
  return parts.length === 0 ? '0s' : parts.join('');
}
