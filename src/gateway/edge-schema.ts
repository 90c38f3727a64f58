/**
 * What a gateway may hold an input against: no more than the handler's own schema surely refuses, and nothing that costs more
 * than one look at each value. So it leaves out what JSON Schema says otherwise than the libraries that schemas are
 * written with do (flags of patterns, floats, lengths beyond the basic plane), what means less only as long as its parts are
 * whole (`not`, `if`, exactly one of), and what may take long (patterns of users, unique items). The thread checks all of it.
 */
import { ownValue } from '../domain/own-value.ts';

type Schema = Readonly<Record<string, unknown>>;

/** Each with a list of schemas, a map of schemas, or one; the first list is of those that mean what they say without the rest. */
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

export function edgeSchema(schema: unknown): unknown {
  if (!isSchema(schema)) return schema;
  // Which keys are surplus depends on patterns, on names that are left out here, and on the other schemas of an `allOf`.
  const { properties } = schema;
  const isOpen = schema['patternProperties'] !== undefined || (isSchema(properties) && hasInherited(properties));
  const kept = Object.entries(schema).flatMap(([keyword, value]): [string, unknown][] => {
    if (keyword === 'additionalProperties' && isOpen) return [];
    // A tuple may make something of a place that is missing.
    if (keyword === 'minItems' && schema['prefixItems'] !== undefined) return [];
    if (plainKeywords.has(keyword)) return [[keyword, value]];
    if (keyword === 'enum') return isListOfPlain(value) ? [[keyword, value]] : [];
    if (inParts.has(keyword)) return [[keyword, edgeSchema(value)]];
    if (inLists.has(keyword)) return [[keyword, listOf(keyword, value)]];
    if (inMaps.has(keyword)) return [[keyword, mapOf(keyword, value)]];
    if (keyword === 'oneOf') return [['anyOf', listOf(keyword, value)]];
    if (keyword === 'required') return [[keyword, requiredOf(schema, value)]];
    // Two units of UTF-16 may be one character.
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
 * One schema of an `allOf` may name what another one calls surplus, however deep that one is wrapped. What is defined elsewhere
 * may be used alone as well, so it stays as it is there and says nothing here.
 */
function withoutSurplus(part: unknown): unknown {
  if (!isSchema(part)) return part;
  const { additionalProperties: _surplus, $ref: _elsewhere, anyOf, allOf, ...rest } = part;
  return {
    ...rest,
    ...(Array.isArray(anyOf) && { anyOf: anyOf.map(withoutSurplus) }),
    ...(Array.isArray(allOf) && { allOf: allOf.map(withoutSurplus) }),
  };
}

/** What is compared by value, at once with all of them. */
function isListOfPlain(value: unknown): boolean {
  return Array.isArray(value) && value.every((member) => typeof member !== 'object' || member === null);
}

function mapOf(keyword: string, value: unknown): unknown {
  if (!isSchema(value)) return value;
  const entries = Object.entries(value).filter(([name]) => keyword !== 'properties' || !isInherited(name));
  return Object.fromEntries(entries.map(([name, part]) => [name, edgeSchema(part)]));
}

/** Absent is not always missing: a schema that takes anything may make something of nothing. */
function requiredOf(schema: Schema, value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const properties = isSchema(schema['properties']) ? schema['properties'] : {};
  return value.filter((name: unknown) => {
    return typeof name === 'string' && !isInherited(name) && !takesAnything(ownValue(properties, name));
  });
}

/** Libraries differ in whether an object without such a member has it. */
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
