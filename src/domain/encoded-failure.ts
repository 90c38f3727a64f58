/**
 * The texts of a failure, encoded by the codec of its handler. They take the place of its stack, which has room for them; reason
 * and code stay, because retries and filters go by them.
 */
import { given } from './given.ts';
import { failureMaxChars, type Failure, type FailureCause } from './job.ts';
import { decodeValue, encodeValue, type CodecContext, type PayloadCodec } from './payload-codec.ts';

const prefix = 'troupe-codec:';
const encodedMessage = 'the text of this failure is encoded';
const shortStackChars = 1_000;
const shortMessageChars = 200;

interface FailureTexts {
  readonly message: string;
  readonly causes?: readonly FailureCause[] | undefined;
  readonly stack?: string | undefined;
}

/** Never rejects: a failure that cannot be encoded is one without its text. */
export async function encodeFailure(codec: PayloadCodec, about: CodecContext, failure: Failure): Promise<Failure> {
  const { reason, code } = failure;
  const bare = { reason, ...given({ code }) };
  try {
    for (const texts of shorterAndShorter(failure)) {
      const encoded = await encodeValue(codec, about, { kind: 'json', json: JSON.stringify(texts) });
      const stack = `${prefix}${base64Of(encoded)}`;
      if (stack.length <= failureMaxChars.stack) return { ...bare, message: encodedMessage, stack };
    }
  } catch {
    return { ...bare, message: 'the codec cannot encode the text of this failure' };
  }
  return { ...bare, message: 'the text of this failure is too long for its codec' };
}

function* shorterAndShorter({ message, causes, stack }: Failure): Generator<FailureTexts, void> {
  yield { message, causes, stack };
  yield { message, causes, stack: stack?.slice(0, shortStackChars) };
  yield { message, causes };
  yield { message };
  yield { message: message.slice(0, shortMessageChars) };
}

/** What a cluster says itself is plain. Rejects with CodecError. */
export async function decodeFailure<Told extends FailureTexts>(
  codec: PayloadCodec,
  about: CodecContext,
  failure: Told,
): Promise<Told> {
  const { stack: encoded, ...rest } = failure;
  if (encoded?.startsWith(prefix) !== true) return failure;
  const bytes = bytesOf(encoded.slice(prefix.length));
  const decoded = await decodeValue(codec, about, { kind: 'bytes', bytes });
  // Unchecked cast: the codec has made it of this.
  const texts = JSON.parse(decoded.kind === 'json' ? decoded.json : '{}') as FailureTexts;
  return { ...rest, ...given({ ...texts }) } as Told;
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function bytesOf(base64: string): Uint8Array {
  return Buffer.from(base64, 'base64');
}
