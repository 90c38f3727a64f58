/** Durations as people write and read them: `250ms`, `90s`, `1h30m`; `in 5 min`, `3 s ago`. */

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

/** At most two units: `1h 30m`, `12.3s`, `45ms`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1).replace('.0', '')}s`;
  const pairs = [
    [86_400_000, 'd', 3_600_000, 'h'],
    [3_600_000, 'h', 60_000, 'm'],
    [60_000, 'm', 1_000, 's'],
  ] as const;
  const [largeMs, large, smallMs, small] = pairs.find(([unitMs]) => ms >= unitMs) ?? pairs[2];
  const rest = Math.floor((ms % largeMs) / smallMs);
  return `${Math.floor(ms / largeMs)}${large}${rest > 0 ? ` ${rest}${small}` : ''}`;
}

export function relativeText(atMs: number, nowMs: number): string {
  const distanceMs = Math.abs(nowMs - atMs);
  if (distanceMs < 1_000) return 'now';
  const text = durationText(Math.round(distanceMs / 1_000) * 1_000);
  return atMs > nowMs ? `in ${text}` : `${text} ago`;
}
