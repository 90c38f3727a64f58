/**
 * The file descriptors of the services of a gateway, as buf built them from the .proto files, each with its own name
 * and imports.
 * We do not use the descriptors that protobufjs derives from parsed files: it merges them by package, and other
 * runtimes reject that.
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

interface DescribedExtension extends Named {
  /** The message that it extends, with a leading dot. */
  readonly extendee: string;
  readonly number: number;
}

/** The parts of a FileDescriptorProto that are used here. */
export interface FileDescriptor extends Named {
  readonly package: string;
  readonly dependency: readonly string[];
  readonly messageType: readonly DescribedMessage[];
  readonly enumType: readonly DescribedEnum[];
  readonly extension: readonly DescribedExtension[];
  readonly service: readonly (Named & { readonly method: readonly Named[] })[];
}

interface DescribedFile {
  /** The encoded FileDescriptorProto. */
  readonly bytes: Uint8Array;
  /** File names. */
  readonly imports: readonly string[];
}

export interface Descriptors {
  /** Full names. */
  readonly services: readonly string[];
  readonly files: ReadonlyMap<string, DescribedFile>;
  /**
   * The file that declares a symbol, by its full name: messages, fields, enums and their values, services and methods.
   */
  readonly fileOfSymbol: ReadonlyMap<string, string>;
  /** The file that declares an extension, by the full name of what it extends and its number. */
  readonly extensions: ReadonlyMap<string, ReadonlyMap<number, string>>;
}

export function loadDescriptors(): Descriptors {
  const files = new Map<string, DescribedFile>();
  const fileOfSymbol = new Map<string, string>();
  const extensions = new Map<string, Map<number, string>>();
  const services: string[] = [];
  for (const bytes of filesOfSet(readFileSync(`${protoDir}descriptors.binpb`))) {
    const file = readFileDescriptor(bytes);
    files.set(file.name, { bytes, imports: file.dependency });
    for (const symbol of symbolsOf(file)) fileOfSymbol.set(symbol, file.name);
    for (const { extendee, number } of file.extension) {
      const extended = extendee.replace(/^\./, '');
      const known = extensions.get(extended) ?? new Map<number, string>();
      extensions.set(extended, known.set(number, file.name));
    }
    services.push(...file.service.map(({ name }) => within(file.package, name)));
  }
  return { services, files, fileOfSymbol, extensions };
}

/** Splits a FileDescriptorSet: `repeated FileDescriptorProto file = 1`. */
function* filesOfSet(set: Buffer): Generator<Uint8Array, void> {
  const reader = new protobuf.BufferReader(set);
  while (reader.pos < reader.len) {
    // the tag; the set has only this field
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
  for (const extension of file.extension) yield within(scope, extension.name);
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

/** In protobuf the values of an enum are siblings of the enum, not members. */
function* symbolsOfEnum(words: DescribedEnum, scope: string): Generator<string, void> {
  yield within(scope, words.name);
  for (const value of words.value) yield within(scope, value.name);
}

function within(scope: string, name: string): string {
  return scope === '' ? name : `${scope}.${name}`;
}
