/**
 * Reduces a handler's schema to the part that a gateway may enforce. The gateway must refuse only what the handler's
 * own schema certainly refuses, at no more than one look per value. So it leaves out:
 *
 * - what JSON Schema defines differently from the libraries that people write schemas with (flags of patterns, floats,
 *   lengths of text beyond the basic plane);
 * - keywords whose meaning changes when parts of them are left out (`not`, `if`, exactly one of);
 * - what may take long (patterns of users, unique items).
 *
 * The thread then checks the input against the whole schema.
 */
import { ownValue } from '../domain/own-value.ts';
import { given } from '../domain/given.ts';

type Schema = Readonly<Record<string, unknown>>;

/**
 * Keywords by what they hold. Those in `plainKeywords` keep their meaning when other keywords are left out. The others
 * hold one schema, a list of schemas, or a map of schemas.
 */
const plainKeywords = new Set([
  ...['$schema', '$id', '$ref', '$anchor', '$comment', 'type', 'const', 'minimum', 'maximum'],
  ...['exclusiveMinimum', 'exclusiveMaximum', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'],
]);
const inParts = new Set(['items', 'additionalProperties']);
const inLists = new Set(['prefixItems', 'anyOf', 'allOf']);
const inMaps = new Set(['$defs', 'definitions', 'properties']);

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the reduced schema. Every input that it refuses is also refused by the whole schema. */
export function edgeSchema(schema: unknown): unknown {
  if (!isSchema(schema)) return schema;
  // Additional properties depend on patterns, on names that we leave out, and on the other schemas of an `allOf`.
  const { properties } = schema;
  const isOpen = schema['patternProperties'] !== undefined || (isSchema(properties) && hasInherited(properties));
  const kept = Object.entries(schema).flatMap(([keyword, value]): [string, unknown][] => {
    if (keyword === 'additionalProperties' && isOpen) return [];
    // A tuple may have a default for a missing item.
    if (keyword === 'minItems' && schema['prefixItems'] !== undefined) return [];
    if (plainKeywords.has(keyword)) return [[keyword, value]];
    if (keyword === 'enum') return isListOfPlain(value) ? [[keyword, value]] : [];
    if (inParts.has(keyword)) return [[keyword, edgeSchema(value)]];
    if (inLists.has(keyword)) return [[keyword, listOf(keyword, value)]];
    if (inMaps.has(keyword)) return [[keyword, mapOf(keyword, value)]];
    if (keyword === 'oneOf') return [['anyOf', listOf(keyword, value)]];
    if (keyword === 'required') return [[keyword, requiredOf(schema, value)]];
    // Two UTF-16 units may be one character.
    if (keyword === 'minLength') return [[keyword, Math.ceil(Number(value) / 2)]];
    return [];
  });
  return Object.fromEntries(kept);
}

function listOf(keyword: string, value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const schemas = value.map((part: unknown) => edgeSchema(part));
  if (keyword !== 'allOf') return schemas;
  return schemas.map(withoutSurplus);
}

/**
 * A schema of an `allOf` may define a property that another one would refuse, at any depth. So `additionalProperties`
 * is removed from its parts. A `$ref` is removed, too: its target may also be used alone, so it cannot be changed here.
 */
function withoutSurplus(part: unknown): unknown {
  if (!isSchema(part)) return part;
  const { additionalProperties: _surplus, $ref: _elsewhere, anyOf, allOf, ...rest } = part;
  return {
    ...rest,
    ...given({
      anyOf: Array.isArray(anyOf) ? anyOf.map(withoutSurplus) : undefined,
      allOf: Array.isArray(allOf) ? allOf.map(withoutSurplus) : undefined,
    }),
  };
}

/** True for a list of primitive values, which one lookup can compare. */
function isListOfPlain(value: unknown): boolean {
  return Array.isArray(value) && value.every((member) => typeof member !== 'object' || member === null);
}

function mapOf(keyword: string, value: unknown): unknown {
  if (!isSchema(value)) return value;
  const entries = Object.entries(value).filter(([name]) => keyword !== 'properties' || !isInherited(name));
  return Object.fromEntries(entries.map(([name, part]) => [name, edgeSchema(part)]));
}

/** Removes properties that accept anything from `required`, because a schema may have a default for them. */
function requiredOf(schema: Schema, value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const properties = isSchema(schema['properties']) ? schema['properties'] : {};
  return value.filter((name: unknown) => {
    return typeof name === 'string' && !isInherited(name) && !takesAnything(ownValue(properties, name));
  });
}

/** True for names of members that every object inherits. Libraries differ in whether such a member is present. */
function isInherited(name: string): boolean {
  return Reflect.has(Object.prototype, name);
}

function hasInherited(properties: Schema): boolean {
  return Object.keys(properties).some(isInherited);
}

function takesAnything(schema: unknown): boolean {
  if (schema === undefined || schema === true) return true;
  if (!isSchema(schema)) return false;
  const meaning = Object.keys(schema).filter(
    (keyword) => plainKeywords.has(keyword) || keyword === 'enum' || inLists.has(keyword),
  );
  if (schema['$ref'] !== undefined || (meaning.length === 0 && schema['oneOf'] === undefined)) return true;
  const { anyOf, oneOf, allOf } = schema;
  if ([anyOf, oneOf].some((parts) => Array.isArray(parts) && parts.some(takesAnything))) return true;
  return meaning.length === 1 && Array.isArray(allOf) && allOf.every(takesAnything);
}
