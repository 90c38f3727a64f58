/**
 * Finds numbers of 64 bits in JSON whose text is far too long to be one. The library makes a whole number of any text before
 * it looks at its size, which takes 6 s for 16 MB of digits.
 */
import { type DescField, type DescMessage, type JsonValue, ScalarType } from '@bufbuild/protobuf';
import type { FieldViolation } from '../domain/errors.ts';
import { ownValue } from '../domain/own-value.ts';

/** Twenty signs are the longest number. Zeros and spaces before it are let through, up to here. */
const textMax = 64;

const longTypes: ReadonlySet<ScalarType | undefined> = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
]);

/** The first that there is. */
export function endlessNumber(type: DescMessage, json: JsonValue): FieldViolation | undefined {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  for (const field of type.fields) {
    const { name, jsonName } = field;
    for (const each of new Set([name, jsonName])) {
      const value = ownValue(json, each);
      const found = value === undefined ? undefined : endlessIn(field, value);
      if (found !== undefined) return { ...found, field: found.field === '' ? name : `${name}.${found.field}` };
    }
  }
  return undefined;
}

/** With a place within the field. */
function endlessIn(field: DescField, json: JsonValue): FieldViolation | undefined {
  const isLong = longTypes.has(field.scalar);
  if (!isLong && field.message === undefined) return undefined;
  const isMany = (field.fieldKind === 'list' || field.fieldKind === 'map') && typeof json === 'object' && json !== null;
  for (const value of isMany ? Object.values(json) : [json]) {
    const found = field.message === undefined ? endlessText(value) : endlessNumber(field.message, value);
    if (found !== undefined) return found;
  }
  return undefined;
}

function endlessText(value: JsonValue): FieldViolation | undefined {
  if (typeof value !== 'string' || value.length <= textMax) return undefined;
  return { field: '', description: `must be a whole number of 64 bits, in at most ${textMax} signs` };
}
