/** The kind of a field. In doubt it is text, because an id that is taken for a number is silently rounded. */
export type ValueKind = 'integer' | 'number' | 'boolean' | 'date' | 'text';

/** A number has no leading zeros: `007` is an id or a postal code. */
const integerPattern = /^[+-]?(0|[1-9]\d*)$/;
const fractionPattern = /^[+-]?((?:0|[1-9]\d*)?\.\d+|(?:0|[1-9]\d*)\.)(e[+-]?\d+)?$/i;
/** Programs write a sign in the exponent. `12E5` is more often an article number than 1,200,000. */
const scientificPattern = /^[+-]?([1-9]\d*)e[+-]\d+$/i;
/** A double preserves at most this many digits. */
const doubleMaxDigits = 17;

const booleanPattern = /^(true|false|yes|no)$/i;
const time = String.raw`([01]\d|2[0-3]):[0-5]\d(:([0-5]\d|60)(\.\d+)?)?`;
const zone = String.raw`(Z|[+-]([01]\d|2[0-3]):?[0-5]\d)`;
const datePattern = new RegExp(String.raw`^(\d{4}-\d{2}-\d{2})([T ]${time}${zone}?)?$`);

export function kindOf(value: string): ValueKind {
  if (integerPattern.test(value)) return Number.isSafeInteger(Number(value)) ? 'integer' : 'text';
  if (isNumber(value)) return 'number';
  if (booleanPattern.test(value)) return 'boolean';
  const day = datePattern.exec(value)?.[1];
  return day !== undefined && isInCalendar(day) ? 'date' : 'text';
}

/** True for a number with a fraction or an exponent that a double can hold. */
function isNumber(value: string): boolean {
  const written = (fractionPattern.exec(value) ?? scientificPattern.exec(value))?.[1];
  if (written === undefined) return false;
  const digits = written.replace('.', '').replace(/^0+/, '').replace(/0+$/, '');
  const number = Number(value);
  return digits.length <= doubleMaxDigits && Number.isFinite(number) && (number !== 0 || digits === '');
}

/** `Date` accepts 30 February as 2 March. */
function isInCalendar(day: string): boolean {
  const midnight = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day);
}
