/**
 * Builds the manifest of a handler, which is plain data for the cluster. This runs in a boot thread, from the
 * definition.
 */
import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec';
import type { HandlerManifest } from '../domain/handler-manifest.ts';
import type { AnyHandler } from './definition.ts';
import { inputKindOf, isStreamed, jsonPartOf } from './schema.ts';
import { valibotOptions } from './valibot-schema.ts';
import { zodOptions } from './zod-schema.ts';
import { given } from '../domain/given.ts';

const libraryOptions = { ...zodOptions, ...valibotOptions };

/** Builds the manifest. Values that the handler does not set are left out. */
export function manifestOf(handler: AnyHandler): HandlerManifest {
  const { codec } = handler;
  // Nobody but the thread sees what an encoded input is.
  const inputSchema = codec === undefined ? jsonSchemaOf(jsonPartOf(handler.input)) : undefined;
  const encodedKind = codec?.acceptsPlain === true ? 'any' : 'bytes';
  return {
    name: handler.name,
    version: handler.version,
    inputKind: codec === undefined ? inputKindOf(handler.input) : encodedKind,
    ...given({
      inputStreamed: isStreamed(handler.input) ? true : undefined,
      inputSchema,
      executionTimeoutMs: handler.executionTimeoutMs,
      heartbeatTimeoutMs: handler.heartbeatTimeoutMs,
      memoryMb: handler.memoryMb,
      memoryMaxMb: handler.memoryMaxMb,
      retry: Object.keys(handler.retry).length > 0 ? handler.retry : undefined,
      cancelGraceMs: handler.cancelGraceMs,
    }),
  };
}

/**
 * Converts a schema by Standard JSON Schema, which zod 4, valibot and ArkType implement. Where the schema accepts more
 * than JSON Schema can express, the result is more permissive.
 * Returns `undefined` if the library does not support it or the schema cannot be expressed, for example with custom
 * checks. Then only the thread validates the input.
 */
function jsonSchemaOf(schema: StandardSchemaV1 | undefined): Readonly<Record<string, unknown>> | undefined {
  if (schema === undefined) return undefined;
  const standard: StandardSchemaV1['~standard'] & Partial<StandardJSONSchemaV1['~standard']> = schema['~standard'];
  try {
    return standard.jsonSchema?.input({ target: 'draft-2020-12', libraryOptions });
  } catch {
    return undefined;
  }
}
