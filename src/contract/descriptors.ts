/**
 * The descriptors of what a gateway serves, as buf made them from the .proto files: each file by its own name, with its own
 * imports. Those that protobufjs makes of what it has parsed are merged by package, and no other runtime takes them.
 */
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor.js';
import { protoDir } from './root.ts';

interface Named {
  readonly name: string;
}
interface DescribedEnum extends Named {
  readonly value: readonly Named[];
}
interface DescribedMessage extends Named {
  readonly field: readonly Named[];
  readonly oneofDecl: readonly Named[];
  readonly nestedType: readonly DescribedMessage[];
  readonly enumType: readonly DescribedEnum[];
}

/** What is used here of a FileDescriptorProto. */
export interface FileDescriptor extends Named {
  readonly package: string;
  readonly dependency: readonly string[];
  readonly messageType: readonly DescribedMessage[];
  readonly enumType: readonly DescribedEnum[];
  readonly service: readonly (Named & { readonly method: readonly Named[] })[];
}

interface DescribedFile {
  /** A FileDescriptorProto. */
  readonly bytes: Uint8Array;
  /** Names of files. */
  readonly imports: readonly string[];
}

export interface Descriptors {
  /** Full names. */
  readonly services: readonly string[];
  readonly files: ReadonlyMap<string, DescribedFile>;
  /** Name of the file that declares it, by full name: messages, fields, enums and their values, services, methods. */
  readonly fileOfSymbol: ReadonlyMap<string, string>;
}

export function loadDescriptors(): Descriptors {
  const files = new Map<string, DescribedFile>();
  const fileOfSymbol = new Map<string, string>();
  const services: string[] = [];
  for (const bytes of filesOfSet(readFileSync(`${protoDir}descriptors.binpb`))) {
    const file = readFileDescriptor(bytes);
    files.set(file.name, { bytes, imports: file.dependency });
    for (const symbol of symbolsOf(file)) fileOfSymbol.set(symbol, file.name);
    services.push(...file.service.map(({ name }) => within(file.package, name)));
  }
  return { services, files, fileOfSymbol };
}

/** FileDescriptorSet { repeated FileDescriptorProto file = 1; } */
function* filesOfSet(set: Buffer): Generator<Uint8Array, void> {
  const reader = new protobuf.BufferReader(set);
  while (reader.pos < reader.len) {
    reader.uint32();
    yield reader.bytes();
  }
}

export function readFileDescriptor(bytes: Uint8Array): FileDescriptor {
  return descriptor.FileDescriptorProto.decode(bytes) as unknown as FileDescriptor;
}

function* symbolsOf(file: FileDescriptor): Generator<string, void> {
  const scope = file.package;
  for (const message of file.messageType) yield* symbolsOfMessage(message, scope);
  for (const words of file.enumType) yield* symbolsOfEnum(words, scope);
  for (const service of file.service) {
    const name = within(scope, service.name);
    yield name;
    for (const method of service.method) yield within(name, method.name);
  }
}

function* symbolsOfMessage(message: DescribedMessage, scope: string): Generator<string, void> {
  const name = within(scope, message.name);
  yield name;
  for (const field of message.field) yield within(name, field.name);
  for (const oneof of message.oneofDecl) yield within(name, oneof.name);
  for (const nested of message.nestedType) yield* symbolsOfMessage(nested, name);
  for (const words of message.enumType) yield* symbolsOfEnum(words, name);
}

/** The values of an enum are named beside it, not within it. */
function* symbolsOfEnum(words: DescribedEnum, scope: string): Generator<string, void> {
  yield within(scope, words.name);
  for (const value of words.value) yield within(scope, value.name);
}

function within(scope: string, name: string): string {
  return scope === '' ? name : `${scope}.${name}`;
}
