/**
 * Instants as people write them: RFC 3339, `2027-02-01T06:00:00Z` or `2027-02-01T07:00+01:00`. The zone must be there: a
 * time of day without one is another instant on another machine. A day that is not in the calendar is no instant.
 */

const pattern = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** Undefined when `text` is no instant. Parts of a millisecond are cut off. */
export function parseInstantMs(text: string): number | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const part = (index: number): number => Number(match[index] ?? 0);
  const [month, day, hours, minutes, seconds] = [part(2), part(3), part(4), part(5), part(6)];
  const zoneMinutes = part(9) * 60 + part(10);
  const midnight = new Date(0);
  midnight.setUTCFullYear(part(1), month - 1, day);
  const isInCalendar = midnight.getUTCMonth() === month - 1 && midnight.getUTCDate() === day;
  if (!isInCalendar || hours > 23 || minutes > 59 || seconds > 59) return undefined;
  if (part(9) > 23 || part(10) > 59) return undefined;
  const zoneMs = (match[8] === '-' ? -zoneMinutes : zoneMinutes) * 60_000;
  const ms = Number((match[7] ?? '').slice(0, 3).padEnd(3, '0'));
  return midnight.getTime() + ((hours * 60 + minutes) * 60 + seconds) * 1_000 + ms - zoneMs;
}
