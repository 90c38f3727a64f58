/**
 * Instants as people write them, in RFC 3339: `2027-02-01T06:00:00Z` or `2027-02-01T07:00+01:00`.
 * The offset is required, because a time without one would mean different instants on different machines. A day that is
 * not in the calendar is refused.
 */

const pattern = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** Returns epoch ms, or `undefined` if `text` is not an instant. Fractions of a millisecond are cut off. */
export function parseInstantMs(text: string): number | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const part = (index: number): number => Number(match[index] ?? 0);
  const [month, day, hours, minutes, seconds] = [part(2), part(3), part(4), part(5), part(6)];
  const zoneMinutes = part(9) * 60 + part(10);
  // `Date.UTC` would read the years 0 to 99 as 1900 to 1999
  const midnight = new Date(0);
  midnight.setUTCFullYear(part(1), month - 1, day);
  const isInCalendar = midnight.getUTCMonth() === month - 1 && midnight.getUTCDate() === day;
  if (!isInCalendar || hours > 23 || minutes > 59 || seconds > 59) return undefined;
  if (part(9) > 23 || part(10) > 59) return undefined;
  const zoneMs = (match[8] === '-' ? -zoneMinutes : zoneMinutes) * 60_000;
  const ms = Number((match[7] ?? '').slice(0, 3).padEnd(3, '0'));
  return midnight.getTime() + ((hours * 60 + minutes) * 60 + seconds) * 1_000 + ms - zoneMs;
}
