/**
 * Says what is wrong with JSON that the library has refused as a message: where, and what was expected there. The library
 * stays the only judge: this asks it about one part after the other.
 */
import { type DescField, type DescMessage, fromJson, type JsonValue, ScalarType } from '@bufbuild/protobuf';
import type { FieldViolation } from '../domain/errors.ts';
import { ownValue } from '../domain/own-value.ts';
import { shown } from './json-scan.ts';

/** People fix such mistakes one at a time. */
const violationsMax = 50;

type JsonObject = Readonly<Record<string, JsonValue>>;

/** At least one violation. */
export function violationsIn(type: DescMessage, json: JsonValue): readonly FieldViolation[] {
  const found: FieldViolation[] = [];
  findIn(type, json, '', found);
  return found.length > 0 ? found : [{ field: '', description: `is no ${type.typeName}` }];
}

function findIn(type: DescMessage, json: JsonValue, path: string, found: FieldViolation[]): void {
  if (isText(type) || !isObject(json)) {
    found.push({ field: path, description: expectedOf(type) });
    return;
  }
  const before = found.length;
  for (const [name, value] of Object.entries(json)) {
    if (found.length >= violationsMax) return;
    const field = type.fields.find((each) => each.name === name || each.jsonName === name);
    if (field === undefined)
      found.push({ field: within(path, shown(name)), description: `is no field of ${type.typeName}` });
    else if (!fits(type, { [name]: value })) findInField(field, value, within(path, field.name), found);
  }
  // Each fits alone, so two of them exclude each other.
  if (found.length === before) found.push(...exclusive(type, json, path));
}

function findInField(field: DescField, json: JsonValue, path: string, found: FieldViolation[]): void {
  const before = found.length;
  switch (field.fieldKind) {
    case 'message':
      findIn(field.message, json, path, found);
      break;
    case 'list':
      if (Array.isArray(json)) findInList(field, json, path, found);
      else found.push({ field: path, description: 'must be a list' });
      break;
    case 'map':
      if (isObject(json)) findInMap(field, json, path, found);
      else found.push({ field: path, description: 'must be an object' });
      break;
    case 'scalar':
    case 'enum':
      break;
  }
  if (found.length === before) found.push({ field: path, description: expectedIn(field) });
}

function findInList(
  field: DescField & { fieldKind: 'list' },
  json: readonly JsonValue[],
  path: string,
  found: FieldViolation[],
): void {
  const { parent, name, message } = field;
  const fit = (items: readonly (readonly [number, JsonValue])[]): boolean =>
    fits(parent, { [name]: items.map(([, item]) => item) });
  eachMisfit([...json.entries()], fit, ([index, item]) => {
    const place = `${path}[${index}]`;
    if (message !== undefined && item !== null) findIn(message, item, place, found);
    else found.push({ field: place, description: expectedIn(field) });
    return found.length < violationsMax;
  });
}

function findInMap(
  field: DescField & { fieldKind: 'map' },
  json: JsonObject,
  path: string,
  found: FieldViolation[],
): void {
  const { parent, name, message } = field;
  const fit = (members: readonly (readonly [string, JsonValue])[]): boolean =>
    fits(parent, { [name]: Object.fromEntries(members) });
  eachMisfit(Object.entries(json), fit, ([key, value]) => {
    const place = `${path}[${shown(key)}]`;
    if (message === undefined) found.push({ field: place, description: expectedIn(field) });
    else findIn(message, value, place, found);
    return found.length < violationsMax;
  });
}

/**
 * Tells each part that does not fit, until `tell` returns false. It halves the parts, so that one wrong one among 100,000
 * costs about as much as to read all of them twice. Returns false if it was stopped.
 */
function eachMisfit<T>(
  parts: readonly T[],
  fit: (parts: readonly T[]) => boolean,
  tell: (part: T) => boolean,
): boolean {
  const [first] = parts;
  if (first === undefined || fit(parts)) return true;
  if (parts.length === 1) return tell(first);
  const half = Math.ceil(parts.length / 2);
  return eachMisfit(parts.slice(0, half), fit, tell) && eachMisfit(parts.slice(half), fit, tell);
}

function exclusive(type: DescMessage, json: JsonObject, path: string): readonly FieldViolation[] {
  const given = (name: string, jsonName: string): boolean =>
    ownValue(json, name) !== undefined || ownValue(json, jsonName) !== undefined;
  const twice = type.fields
    .filter(
      ({ name, jsonName }) =>
        name !== jsonName && ownValue(json, name) !== undefined && ownValue(json, jsonName) !== undefined,
    )
    .map(({ name, jsonName }) => ({ field: within(path, name), description: `is given twice, also as ${jsonName}` }));
  const ofOneof = type.oneofs.flatMap(({ name, fields }) => {
    const set = fields.filter((field) => given(field.name, field.jsonName));
    return set.length < 2
      ? []
      : [
          {
            field: within(path, name),
            description: `only one of ${set.map(({ name: each }) => each).join(', ')} can be set`,
          },
        ];
  });
  return [...twice, ...ofOneof];
}

function fits(type: DescMessage, json: JsonValue): boolean {
  try {
    fromJson(type, json);
    return true;
  } catch {
    return false;
  }
}

/** Messages that are text in JSON, and how it looks. */
const textTypes: ReadonlyMap<string, string> = new Map([
  ['google.protobuf.Timestamp', 'must be a time such as "2026-12-01T08:00:00Z"'],
  ['google.protobuf.Duration', 'must be a duration such as "90s" or "0.5s"'],
  ['google.protobuf.FieldMask', 'must be names of fields in lowerCamelCase, with commas between them'],
]);

function isText({ typeName }: DescMessage): boolean {
  return textTypes.has(typeName);
}

function expectedOf({ typeName }: DescMessage): string {
  return textTypes.get(typeName) ?? 'must be an object';
}

/** Of one value of the field. */
function expectedIn({ message, enum: words, scalar }: DescField): string {
  if (message !== undefined) return expectedOf(message);
  if (words !== undefined) return `must be one of ${words.values.map(({ name }) => name).join(', ')}`;
  return expectedScalars[scalar];
}

const signed = 'must be a whole number';
const unsigned = 'must be a whole number from 0';
const large = 'in 64 bits, above 2^53 as text';

const expectedScalars: Readonly<Record<ScalarType, string>> = {
  [ScalarType.DOUBLE]: 'must be a number, "NaN", "Infinity" or "-Infinity"',
  [ScalarType.FLOAT]: 'must be a number, "NaN", "Infinity" or "-Infinity"',
  [ScalarType.INT64]: `${signed} ${large}`,
  [ScalarType.UINT64]: `${unsigned} ${large}`,
  [ScalarType.INT32]: `${signed} in 32 bits`,
  [ScalarType.FIXED64]: `${unsigned} ${large}`,
  [ScalarType.FIXED32]: `${unsigned} in 32 bits`,
  [ScalarType.BOOL]: 'must be true or false',
  [ScalarType.STRING]: 'must be text of well-formed Unicode',
  [ScalarType.BYTES]: 'must be base64',
  [ScalarType.UINT32]: `${unsigned} in 32 bits`,
  [ScalarType.SFIXED32]: `${signed} in 32 bits`,
  [ScalarType.SFIXED64]: `${signed} ${large}`,
  [ScalarType.SINT32]: `${signed} in 32 bits`,
  [ScalarType.SINT64]: `${signed} ${large}`,
};

function isObject(json: JsonValue): json is JsonObject & JsonValue {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function within(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
