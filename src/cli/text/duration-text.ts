/** Formats durations for people: `1h 30m`, `in 5 min`, `3 s ago`. */

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
