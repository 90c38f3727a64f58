/** The keys of the schema as a list: path, environment variable, how text becomes a value, documentation. */
import { z } from 'zod';
import { configSchema } from './schema.ts';
import type { KeyNotes } from './schema-key.ts';

/** How the text of a variable or flag is converted to a value. */
export type KeyShape = 'text' | 'number' | 'boolean' | 'list' | 'map' | 'document';

export interface ConfigKey {
  /** For example `store.cassandra.contactPoints`. */
  readonly path: string;
  /** For example `TROUPE_STORE_CASSANDRA_CONTACT_POINTS`. */
  readonly variable: string;
  readonly shape: KeyShape;
  /** The allowed values in words, such as `integer 0 to 65535`. */
  readonly allowed: string;
  /** Undefined if the key is optional. */
  readonly defaultValue: unknown;
  readonly notes: KeyNotes;
}

/** The prefix of all environment variables of Troupe. */
export const variablePrefix = 'TROUPE_';

/** The environment variable of a key: `gateway.port` is TROUPE_GATEWAY_PORT. */
export function variableOf(path: string): string {
  return (
    variablePrefix +
    path
      .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
      .replaceAll('.', '_')
      .toUpperCase()
  );
}

/** Removes the wrappers of optional and default values, and what checks a value before it is read. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) {
    return unwrap(schema.unwrap());
  }
  if (schema instanceof z.ZodPipe) return unwrap(schema.out);
  return schema;
}

function shapeOf(schema: z.core.$ZodType): KeyShape {
  if (schema instanceof z.ZodNumber || schema instanceof z.ZodUnion) return 'number';
  if (schema instanceof z.ZodBoolean) return 'boolean';
  if (schema instanceof z.ZodArray) return unwrap(schema.element) instanceof z.ZodObject ? 'document' : 'list';
  if (schema instanceof z.ZodRecord) return unwrap(schema.valueType) instanceof z.ZodArray ? 'document' : 'map';
  return 'text';
}

function allowedBy(schema: z.core.$ZodType): string {
  if (schema instanceof z.ZodNumber)
    return `${schema.format?.includes('int') === true ? 'integer' : 'number'} ${schema.minValue ?? ''} to ${schema.maxValue ?? ''}`;
  if (schema instanceof z.ZodBoolean) return 'true, false';
  if (schema instanceof z.ZodEnum) return schema.options.join(', ');
  if (schema instanceof z.ZodUnion) return schema.options.map(allowedBy).join(', ');
  if (schema instanceof z.ZodLiteral) return [...schema.values].join(', ');
  if (schema instanceof z.ZodArray) return `list of ${allowedBy(schema.element)}`;
  if (schema instanceof z.ZodObject) return `maps of ${Object.keys(schema.shape).join(', ')}`;
  if (schema instanceof z.ZodRecord) return `map of text to ${allowedBy(schema.valueType)}`;
  return 'text';
}

function defaultOf(schema: z.core.$ZodType): unknown {
  return schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined;
}

// Recursive. A leaf is a schema with notes.
function collect(schema: z.core.$ZodType, path: string, into: ConfigKey[]): void {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) {
    const shape = inner.shape as Readonly<Record<string, z.core.$ZodType>>;
    for (const [name, child] of Object.entries(shape)) collect(child, path ? `${path}.${name}` : name, into);
    return;
  }
  const notes = z.globalRegistry.get(schema)?.['notes'] as KeyNotes | undefined;
  if (notes === undefined) throw new Error(`configuration key ${path} is not documented`);
  into.push({
    path,
    variable: variableOf(path),
    shape: shapeOf(inner),
    allowed: allowedBy(inner),
    defaultValue: defaultOf(schema),
    notes,
  });
}

function allKeys(): readonly ConfigKey[] {
  const keys: ConfigKey[] = [];
  collect(configSchema, '', keys);
  return keys;
}

export const configKeys: readonly ConfigKey[] = allKeys();
