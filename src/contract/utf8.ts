/**
 * Text on the wire is UTF-8, which cannot encode half a surrogate pair, though a JavaScript string may contain one.
 * protobufjs writes it as invalid bytes, and strict readers then refuse the whole message.
 *
 * - What we send is repaired (U+FFFD). This also repairs text that was stored earlier.
 * - In responses we accept invalid text and read it as far as possible.
 * - A request with invalid text is refused, and the error names the fields.
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

/** A marker that no decoded text can equal. */
const notUtf8 = '\uD800';

/** Continues past invalid UTF-8 and leaves the marker in its place. */
class MarkingReader extends protobuf.BufferReader {
  override stringVerify(): string {
    try {
      return super.stringVerify();
    } catch (error) {
      // A RangeError means that the message is truncated.
      if (error instanceof TypeError) return notUtf8;
      throw error;
    }
  }
}

/** A request that cannot be decoded as its type. */
export class UndecodableRequest extends Error {
  override readonly name = 'UndecodableRequest';
  /** The fields whose text is not UTF-8. Empty if the bytes are no message at all. */
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

/** More would not help: people fix such mistakes one at a time. */
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

/** Converts `runTime` to `run_time`, the name in the contract. */
function within(path: string, name: string): string {
  const said = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return path === '' ? said : `${path}.${said}`;
}
