/** UTC days, written as `2026-11-30`. */

const dayMs = 86_400_000;

export function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}

export function startOfDayMs(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}

/** False for a date that is in no calendar, too. */
export function isDay(text: string): boolean {
  const atMs = /^2\d{3}-\d{2}-\d{2}$/.test(text) ? startOfDayMs(text) : NaN;
  return !Number.isNaN(atMs) && dayOf(atMs) === text;
}

export function dayAfter(day: string): string {
  return dayOf(startOfDayMs(day) + dayMs);
}

export function dayBefore(day: string): string {
  return dayOf(startOfDayMs(day) - dayMs);
}
