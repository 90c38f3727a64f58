/**
 * Text on the wire is UTF-8, and half a surrogate pair, which JavaScript allows in a string, has no form in it. protobufjs
 * writes one as bytes that strict readers refuse, the whole message with it. So what leaves is repaired (U+FFFD), which
 * also heals what was stored before; an answer is read as far as it can be; and a request is refused with its fields named.
 */
import protobuf from 'protobufjs';
import type { FieldViolation } from '../domain/errors.ts';

export class RepairingWriter extends protobuf.BufferWriter {
  override string(value: string): this {
    super.string(value.isWellFormed() ? value : value.toWellFormed());
    return this;
  }
}

export class RepairingReader extends protobuf.BufferReader {
  override stringVerify(): string {
    return this.string();
  }
}

/** No text of a message can be this one. */
const notUtf8 = '\uD800';

/** Reads on over what is no UTF-8, and leaves a mark there. */
class MarkingReader extends protobuf.BufferReader {
  override stringVerify(): string {
    try {
      return super.stringVerify();
    } catch (error) {
      // RangeError: the message ends too soon.
      if (error instanceof TypeError) return notUtf8;
      throw error;
    }
  }
}

/** A request that is no message of its type. */
export class UndecodableRequest extends Error {
  override readonly name = 'UndecodableRequest';
  /** Fields whose text is not UTF-8; empty where the bytes are no message at all. */
  readonly violations: readonly FieldViolation[];

  constructor(violations: readonly FieldViolation[], cause: unknown) {
    super('the request is no message of its type', { cause });
    this.violations = violations;
  }
}

/** Throws UndecodableRequest. */
export function decodeRequest(type: protobuf.Type, bytes: Buffer): unknown {
  try {
    return type.decode(new protobuf.BufferReader(bytes));
  } catch (error) {
    throw new UndecodableRequest(violationsOf(type, bytes), error);
  }
}

/** One is read at a time, so no more are told than somebody would mend. */
const violationsMax = 50;

function violationsOf(type: protobuf.Type, bytes: Buffer): readonly FieldViolation[] {
  let message: object;
  try {
    message = type.decode(new MarkingReader(bytes));
  } catch {
    return [];
  }
  const violations: FieldViolation[] = [];
  findMarks(message, '', violations);
  return violations;
}

function findMarks(value: unknown, path: string, violations: FieldViolation[]): void {
  if (violations.length >= violationsMax) return;
  if (value === notUtf8) violations.push({ field: path, description: 'is not UTF-8' });
  else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) findMarks(item, `${path}[${index}]`, violations);
  } else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    const isMap = Object.getPrototypeOf(value) === Object.prototype;
    for (const [key, item] of Object.entries(value)) {
      if (key === notUtf8) violations.push({ field: path, description: 'has a name that is not UTF-8' });
      else findMarks(item, isMap ? `${path}[${key}]` : within(path, key), violations);
    }
  }
}

/** `runTime` here is `run_time` in the contract. */
function within(path: string, name: string): string {
  const said = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return path === '' ? said : `${path}.${said}`;
}
