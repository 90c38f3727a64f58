/** Times and durations of the contract's JSON as milliseconds, and as short texts of one width. */

/** `1.5s` → 1500. */
export function durationMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = Number(text.replace(/s$/, '')) * 1_000;
  return Number.isFinite(ms) ? ms : undefined;
}

export function timeMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
] as const;

/** Two units at most: `0 ms`, `12 ms`, `1.24 s`, `12.4 s`, `3m 05s`, `2h 11m`, `4d 03h`. Never negative. */
export function durationText(ms: number): string {
  if (ms < 999.5) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(ms < 9_995 ? 2 : 1)} s`;
  const wholeMs = Math.round(ms / 1_000) * 1_000;
  for (const [index, [unit, sizeMs]] of units.entries()) {
    if (wholeMs < sizeMs) continue;
    const [smaller, smallerMs] = units[index + 1] ?? (['s', 1_000] as const);
    const rest = String(Math.floor((wholeMs % sizeMs) / smallerMs)).padStart(2, '0');
    return `${Math.floor(wholeMs / sizeMs)}${unit} ${rest}${smaller}`;
  }
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** For settings: `5m`, `7d`, `1.5s`; exactly, as the command line takes it. */
export function settingText(ms: number): string {
  for (const [unit, sizeMs] of [...units, ['s', 1_000]] as const) {
    if (ms >= sizeMs && ms % sizeMs === 0) return `${ms / sizeMs}${unit}`;
  }
  return `${ms}ms`;
}

/** For ages, where the parts of a second only flicker. */
export function ageText(ms: number): string {
  return ms < 1_000 ? 'now' : ms < 60_000 ? `${Math.floor(ms / 1_000)} s` : durationText(ms);
}

const pad = (value: number, digits = 2): string => String(value).padStart(digits, '0');

/** The time of day here: `14:05:09`, with milliseconds `14:05:09.123`. */
export function clockText(ms: number, withMs = false): string {
  const at = new Date(ms);
  const text = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  return withMs ? `${text}.${pad(at.getMilliseconds(), 3)}` : text;
}

/** The time of day, with the day unless that is today. */
export function instantText(ms: number, nowMs: number): string {
  const at = new Date(ms);
  const isToday = at.toDateString() === new Date(nowMs).toDateString();
  return isToday
    ? clockText(ms)
    : `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${clockText(ms)}`;
}
