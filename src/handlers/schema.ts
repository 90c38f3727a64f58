/** Schemas for inputs other than a JSON document: opaque bytes, or either. They are Standard Schemas like any other. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { HandlerInput } from './context.ts';

/** What an input may be: a JSON document, bytes, or either. */
export type InputKind = 'json' | 'bytes' | 'any';

const kindKey = Symbol.for('troupe.handler.inputKind');
const streamedKey = Symbol.for('troupe.handler.streamed');
const jsonPartKey = Symbol.for('troupe.handler.jsonPart');

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function issue(message: string): StandardSchemaV1.FailureResult {
  return { issues: [{ message }] };
}

/**
 * Accepts bytes: `input: bytes({ maxBytes: 20_000_000 })`. `run` then gets a `Uint8Array`. `maxBytes` has no default
 * limit.
 */
export function bytes(options: { readonly maxBytes?: number } = {}): StandardSchemaV1<Uint8Array> {
  const maxBytes = options.maxBytes ?? Number.POSITIVE_INFINITY;
  const schema: StandardSchemaV1<Uint8Array> = {
    '~standard': {
      version: 1,
      vendor: 'troupe',
      validate(value) {
        if (!isBytes(value)) return issue('expected bytes');
        if (value.byteLength > maxBytes) return issue(`at most ${maxBytes} bytes, got ${value.byteLength}`);
        return { value };
      },
    },
  };
  return Object.assign(schema, { [kindKey]: 'bytes' });
}

/**
 * Accepts bytes of any size, which the handler reads piece by piece: `input: streamed()`. `run` then gets `ctx.input`
 * instead of a `Uint8Array`. `maxBytes` has no default limit.
 */
export function streamed(options: { readonly maxBytes?: number } = {}): StandardSchemaV1<Uint8Array, HandlerInput> {
  const maxBytes = options.maxBytes ?? Number.POSITIVE_INFINITY;
  const schema: StandardSchemaV1<Uint8Array, HandlerInput> = {
    '~standard': {
      version: 1,
      vendor: 'troupe',
      validate(value) {
        const input = value as HandlerInput;
        return input.bytes > maxBytes ? issue(`at most ${maxBytes} bytes, got ${input.bytes}`) : { value: input };
      },
    },
  };
  return Object.assign(schema, { [kindKey]: 'bytes', [streamedKey]: true });
}

/** True if the handler reads its input piece by piece. */
export function isStreamed(schema: StandardSchemaV1 | undefined): boolean {
  return schema !== undefined && Reflect.get(schema, streamedKey) === true;
}

/** Accepts bytes, or a JSON document that satisfies `json`. */
export function bytesOr<Json extends StandardSchemaV1>(
  json: Json,
): StandardSchemaV1<Uint8Array | StandardSchemaV1.InferInput<Json>, Uint8Array | StandardSchemaV1.InferOutput<Json>> {
  type In = Uint8Array | StandardSchemaV1.InferInput<Json>;
  type Out = Uint8Array | StandardSchemaV1.InferOutput<Json>;
  const schema: StandardSchemaV1<In, Out> = {
    '~standard': {
      version: 1,
      vendor: 'troupe',
      validate(value) {
        return isBytes(value) ? { value } : json['~standard'].validate(value);
      },
    },
  };
  return Object.assign(schema, { [kindKey]: 'any', [jsonPartKey]: json });
}

/** The kind of input that a schema accepts. A handler without a schema accepts any kind. */
export function inputKindOf(schema: StandardSchemaV1 | undefined): InputKind {
  if (schema === undefined) return 'any';
  const kind: unknown = Reflect.get(schema, kindKey);
  return kind === 'bytes' || kind === 'any' ? kind : 'json';
}

/** The schema that JSON inputs must satisfy. Undefined if there is none. */
export function jsonPartOf(schema: StandardSchemaV1 | undefined): StandardSchemaV1 | undefined {
  if (schema === undefined) return undefined;
  switch (inputKindOf(schema)) {
    case 'json':
      return schema;
    case 'bytes':
      return undefined;
    case 'any':
      return Reflect.get(schema, jsonPartKey) as StandardSchemaV1 | undefined;
  }
}
