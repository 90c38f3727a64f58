/**
 * Codecs of payloads: code of a team that encodes what its jobs carry before it leaves the team's processes, and decodes it in
 * them, so that the cluster has nothing to read. The client and the handlers use one, and nothing between them does.
 *
 * An encoded value is four bytes that tell it from a plain one, and what the codec has made. The codec gets one byte in front of
 * the value, for whether it is JSON: so it covers that, too.
 */
import type { RunPayload } from './attempt-outcome.ts';
import { isInRange, type Range } from './setting-ranges.ts';

/** What is encoded. A checkpoint is read by handlers alone. */
export type CodecField = 'input' | 'output' | 'checkpoint' | 'failure';

/** What the bytes are about. Bind it, and nobody can put them into another place. */
export interface CodecContext {
  readonly field: CodecField;
  /** Name of the handler. */
  readonly handler: string;
  /** Undefined for an input: it is encoded before the job has an id. */
  readonly jobId: string | undefined;
}

/** Encodes payloads, and decodes them. Both may be asked for several values at once. */
export interface PayloadCodec {
  /** Makes bytes that `decode` makes these of. They may have any size within the limits of the payload. */
  encode(bytes: Uint8Array, about: CodecContext): Uint8Array | Promise<Uint8Array>;
  /** Throws if it did not make these bytes for the same `about`. */
  decode(bytes: Uint8Array, about: CodecContext): Uint8Array | Promise<Uint8Array>;
  /**
   * 16 to 64 bytes that are the same for the same input, such as an HMAC of it. Needed for `idempotencyKey`, because the cluster
   * compares them where it would compare inputs. Without a key in it, who guesses an input can tell that he has.
   */
  fingerprint?(bytes: Uint8Array, about: CodecContext): Uint8Array | Promise<Uint8Array>;
  /**
   * Whether values that were not encoded are taken as they are, as long as there are some of before. Default: false, because then
   * whoever can write to the cluster can leave the codec out.
   */
  readonly acceptsPlain?: boolean;
}

export const fingerprintRange: Range = { min: 16, max: 64, text: '16 to 64 bytes' };

/** A value of a job that the codec did not take. It says which, and nothing of the bytes. */
export class CodecError extends Error {
  override readonly name = 'CodecError';
  readonly field: CodecField;

  constructor(field: CodecField, what: string, cause?: unknown) {
    super(`${field}: ${what}`, { cause });
    this.field = field;
  }
}

const mark = Uint8Array.of(0, 0x74, 0x63, 1);
const kinds = { json: 0, bytes: 1 } as const;

export async function encodeValue(codec: PayloadCodec, about: CodecContext, value: RunPayload): Promise<Uint8Array> {
  const encoded = await asked(about, 'the codec cannot encode it', () => codec.encode(withKind(value), about));
  return joined(mark, encoded);
}

/** Rejects with CodecError. */
export async function decodeValue(codec: PayloadCodec, about: CodecContext, value: RunPayload): Promise<RunPayload> {
  if (value.kind === 'json' || !isEncoded(value.bytes)) {
    if (codec.acceptsPlain === true) return value;
    throw new CodecError(about.field, 'it is not encoded, and the codec takes no plain one');
  }
  const encoded = value.bytes.subarray(mark.byteLength);
  const decoded = await asked(about, 'the codec cannot decode it', () => codec.decode(encoded, about));
  const rest = decoded.subarray(1);
  if (decoded[0] === kinds.json) return { kind: 'json', json: textOf(rest, about) };
  if (decoded[0] === kinds.bytes) return { kind: 'bytes', bytes: rest };
  throw new CodecError(about.field, 'what the codec has decoded was not encoded by Troupe');
}

/** Undefined if the codec has none. */
export async function fingerprintOf(
  codec: PayloadCodec,
  about: CodecContext,
  value: RunPayload,
): Promise<Uint8Array | undefined> {
  if (codec.fingerprint === undefined) return undefined;
  const print = await asked(about, 'the codec cannot make its fingerprint', () =>
    codec.fingerprint?.(withKind(value), about),
  );
  if (isInRange(print.byteLength, fingerprintRange)) return print;
  throw new CodecError(about.field, `its fingerprint must have ${fingerprintRange.text}`);
}

/** Other bytes than were encoded must not pass for a text with replaced characters. */
function textOf(bytes: Uint8Array, { field }: CodecContext): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new CodecError(field, 'what the codec has decoded is no text', error);
  }
}

function isEncoded(bytes: Uint8Array): boolean {
  return bytes.byteLength >= mark.byteLength && mark.every((byte, at) => bytes[at] === byte);
}

function withKind(value: RunPayload): Uint8Array {
  const bytes = value.kind === 'json' ? new TextEncoder().encode(value.json) : value.bytes;
  return joined(Uint8Array.of(kinds[value.kind]), bytes);
}

function joined(head: Uint8Array, rest: Uint8Array): Uint8Array {
  const whole = new Uint8Array(head.byteLength + rest.byteLength);
  whole.set(head);
  whole.set(rest, head.byteLength);
  return whole;
}

async function asked(
  { field }: CodecContext,
  complaint: string,
  work: () => Uint8Array | Promise<Uint8Array> | undefined,
): Promise<Uint8Array> {
  try {
    const made: unknown = work();
    // A copy, before another call: a codec may write the next value into the same bytes, and then one would pass for two.
    if (made instanceof Uint8Array) return Uint8Array.from(made);
    const awaited = await made;
    if (awaited instanceof Uint8Array) return awaited;
  } catch (error) {
    throw new CodecError(field, complaint, error);
  }
  throw new CodecError(field, `${complaint}: it returned no Uint8Array`);
}
