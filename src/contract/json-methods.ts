/**
 * The messages of the contract as proto3 JSON, made and read by the library of protobuf's own makers from the descriptors
 * that reflection hands out. Requests end as bytes, and answers begin as bytes, so that each method has one codec for
 * all of its callers (`codec.ts`).
 */
import { readFileSync } from 'node:fs';
import {
  createFileRegistry,
  type DescMessage,
  type DescMethod,
  fromBinary,
  fromJson,
  type JsonValue,
  type Message,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { FieldViolation } from '../domain/errors.ts';
import { putLongBytes, takeLongBytes } from './json-bytes.ts';
import { endlessNumber } from './json-numbers.ts';
import { scanJson } from './json-scan.ts';
import { violationsIn } from './json-violations.ts';
import { protoDir } from './root.ts';

/** Text that is no JSON of a message. */
export class UnreadableJson extends Error {
  override readonly name = 'UnreadableJson';
  readonly #find: () => readonly FieldViolation[];

  /** To find what is wrong takes longer than to find that something is, so it is done for callers that are known. */
  constructor(find: () => readonly FieldViolation[]) {
    super('the request is no JSON of its type');
    this.#find = find;
  }

  /** At least one. That of the whole request names no field. */
  violations(): readonly FieldViolation[] {
    return this.#find();
  }
}

export interface JsonMethod {
  /** The request in the wire format. Throws UnreadableJson. */
  readonly requestBytes: (text: string) => Buffer;
  /** From an answer in the wire format. */
  readonly answerText: (bytes: Uint8Array) => string;
}

export interface JsonContract {
  /** By the path of the method in gRPC. */
  readonly methods: ReadonlyMap<string, JsonMethod>;
  /** A message of this type, for people who read it. Undefined if the type is not known. */
  readonly readable: (typeName: string, bytes: Uint8Array) => JsonValue | undefined;
}

/** Smaller answers hold no bytes that are worth a look. */
const largeMinBytes = 16_384;

export function loadJsonContract(): JsonContract {
  const files = fromBinary(FileDescriptorSetSchema, readFileSync(`${protoDir}descriptors.binpb`));
  const registry = createFileRegistry(files);
  const jsonOf = (type: DescMessage, message: Message): JsonValue => toJson(type, message, { registry });
  const methodOf = ({ input, output }: DescMethod): JsonMethod => ({
    requestBytes: (text) => bytesOf(input, text),
    answerText(bytes) {
      const message = fromBinary(output, bytes);
      const taken = bytes.byteLength < largeMinBytes ? [] : takeLongBytes(output, message);
      return putLongBytes(JSON.stringify(jsonOf(output, message)), taken);
    },
  });
  const methods = new Map<string, JsonMethod>();
  for (const type of registry) {
    if (type.kind !== 'service') continue;
    for (const method of type.methods) methods.set(`/${type.typeName}/${method.name}`, methodOf(method));
  }
  return {
    methods,
    readable(typeName, bytes) {
      const type = registry.getMessage(typeName);
      return type && jsonOf(type, fromBinary(type, bytes));
    },
  };
}

function bytesOf(type: DescMessage, text: string): Buffer {
  const violation = scanJson(text);
  if (violation !== undefined) throw new UnreadableJson(() => [violation]);
  const json = parsed(text);
  const endless = endlessNumber(type, json);
  if (endless !== undefined) throw new UnreadableJson(() => [endless]);
  try {
    const bytes = toBinary(type, fromJson(type, json));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch {
    throw new UnreadableJson(() => violationsIn(type, json));
  }
}

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    const description = text.trim() === '' ? 'is empty: a request without fields is {}' : 'is no JSON';
    throw new UnreadableJson(() => [{ field: '', description }]);
  }
}
