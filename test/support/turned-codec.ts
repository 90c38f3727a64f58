/** A codec for tests: turns the bits of a value, and binds it to what it is about. It hides, and protects nothing. */
import type { CodecContext, PayloadCodec } from '../../src/domain/payload-codec.ts';

function boundTo({ field, handler, jobId }: CodecContext): Buffer {
  return Buffer.from(`${JSON.stringify([field, handler, jobId ?? null])}\0`);
}

function turned(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => byte ^ 0xff);
}

export const turnedCodec: PayloadCodec = {
  encode: (bytes, about) => turned(Buffer.concat([boundTo(about), bytes])),
  async decode(bytes, about) {
    const whole = turned(bytes);
    const bound = boundTo(about);
    if (!bound.equals(whole.subarray(0, bound.byteLength)))
      throw new Error(`not about this: ${Buffer.from(whole).toString()}`);
    return whole.subarray(bound.byteLength);
  },
};
