/**
 * Finds values that the wire cannot represent.
 * protobufjs writes whatever it gets: an out-of-range number wraps and NaN becomes 0, so a mistake would silently
 * become a different request. We report every such value with its path in the contract before anything is sent.
 */
import type protobuf from 'protobufjs';
import type { FieldViolation } from '../domain/errors.ts';
import { ownValue } from '../domain/own-value.ts';

/** Adds a violation for each problem of a value at a path. */
type Check = (value: unknown, path: string, violations: FieldViolation[]) => void;

/** A caller with thousands of wrong values has made one mistake; the first ones show it. */
const violationsMax = 50;

const int32Max = 2 ** 31 - 1;
const uint32Max = 2 ** 32 - 1;

/**
 * The limits of google.protobuf: the years 1 to 9999 and 10,000 years. A negative duration is valid here; the gateway
 * refuses it.
 */
const timestampSeconds = { min: -62_135_596_800, max: 253_402_300_799 };
const durationSeconds = { min: -315_576_000_000, max: 315_576_000_000 };

function rule(text: string, isSayable: (value: unknown) => boolean): Check {
  return (value, path, violations) => {
    if (!isSayable(value)) violations.push({ field: path, description: text });
  };
}

function wholeNumber(min: number, max: number): Check {
  const text = `must be a whole number from ${min} to ${max}`;
  return rule(text, (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max);
}

const int32 = wholeNumber(-int32Max - 1, int32Max);
const uint32 = wholeNumber(0, uint32Max);
const int64 = wholeNumber(-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
const uint64 = wholeNumber(0, Number.MAX_SAFE_INTEGER);
const number = rule('must be a finite number', (value) => Number.isFinite(value));

const checkOfScalar: Readonly<Record<string, Check>> = {
  int32,
  sint32: int32,
  sfixed32: int32,
  uint32,
  fixed32: uint32,
  int64,
  sint64: int64,
  sfixed64: int64,
  uint64,
  fixed64: uint64,
  double: number,
  float: number,
  bool: rule('must be true or false', (value) => typeof value === 'boolean'),
  bytes: rule('must be bytes (Uint8Array)', (value) => value instanceof Uint8Array),
  string: (value, path, violations) => {
    if (typeof value !== 'string') violations.push({ field: path, description: 'must be text' });
    // UTF-8 cannot encode it, so other text would arrive.
    else if (!value.isWellFormed()) violations.push({ field: path, description: 'has a lone surrogate' });
  },
};

interface Parts {
  readonly seconds?: unknown;
  readonly nanos?: unknown;
}

function timeParts(text: string, bounds: { readonly min: number; readonly max: number }): Check {
  return rule(text, (value) => {
    const { seconds, nanos } = value as Parts;
    const isWhole = Number.isInteger(seconds) && Number.isInteger(nanos);
    return isWhole && (seconds as number) >= bounds.min && (seconds as number) <= bounds.max;
  });
}

const checkOfMessage: ReadonlyMap<string, Check> = new Map([
  ['.google.protobuf.Timestamp', timeParts('must be a time of the years 1 to 9999', timestampSeconds)],
  ['.google.protobuf.Duration', timeParts('must be a duration of at most 10,000 years', durationSeconds)],
]);

/** Returns violations in the form that a gateway uses, at most 50. */
export type ViolationsOf<Message> = (message: Message) => readonly FieldViolation[];

/** The check for messages of a type. Absent fields (null or undefined) are fine, because they are not written. */
export function violationsOfType(type: protobuf.Type): ViolationsOf<object> {
  const check = lazyCheck(type, new Map());
  return (message) => {
    const violations: FieldViolation[] = [];
    check(message, '', violations);
    return violations;
  };
}

/** Builds the check on first use, because a type may contain itself. */
function lazyCheck(type: protobuf.Type, made: Map<string, Check>): Check {
  let check = checkOfMessage.get(type.fullName) ?? made.get(type.fullName);
  return (value, path, violations) => {
    check ??= messageCheck(type, made);
    check(value, path, violations);
  };
}

function messageCheck(type: protobuf.Type, made: Map<string, Check>): Check {
  const fields: { readonly name: string; readonly said: string; readonly check: Check }[] = [];
  const check: Check = (value, path, violations) => {
    if (typeof value !== 'object' || value === null) {
      violations.push({ field: path, description: 'must be an object' });
      return;
    }
    const lead = path === '' ? '' : `${path}.`;
    for (const { name, said, check: checkField } of fields) {
      const held = ownValue(value as Readonly<Record<string, unknown>>, name);
      if (held === null || held === undefined) continue;
      if (violations.length >= violationsMax) return;
      checkField(held, lead + said, violations);
    }
  };
  made.set(type.fullName, check);
  for (const field of type.fieldsArray) {
    fields.push({ name: field.name, said: snakeCase(field.name), check: fieldCheck(field, made) });
  }
  return check;
}

function fieldCheck(field: protobuf.Field, made: Map<string, Check>): Check {
  const single = valueCheck(field, made);
  if (field.map) return mapCheck(single);
  return field.repeated ? listCheck(single) : single;
}

function valueCheck({ resolvedType, type }: protobuf.Field, made: Map<string, Check>): Check {
  if (resolvedType === null) return ownValue(checkOfScalar, type) ?? (() => undefined);
  if ('fieldsArray' in resolvedType) return lazyCheck(resolvedType, made);
  // Refuses an enum word without a number. A number that is unknown here may be known to the gateway, so any integer
  // passes.
  return rule('is none that the contract knows', Number.isInteger);
}

function listCheck(single: Check): Check {
  return (value, path, violations) => {
    if (!Array.isArray(value)) {
      violations.push({ field: path, description: 'must be a list' });
      return;
    }
    for (const [index, item] of value.entries()) {
      if (violations.length >= violationsMax) return;
      single(item, `${path}[${index}]`, violations);
    }
  };
}

function mapCheck(single: Check): Check {
  return (value, path, violations) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      violations.push({ field: path, description: 'must be an object of names and values' });
      return;
    }
    for (const [key, item] of Object.entries(value)) {
      if (violations.length >= violationsMax) return;
      const field = `${path}[${key.toWellFormed()}]`;
      if (key.isWellFormed()) single(item, field, violations);
      else violations.push({ field, description: 'has a lone surrogate in its name' });
    }
  };
}

/** Converts `runTime` to `run_time`, the name in the contract. */
function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
