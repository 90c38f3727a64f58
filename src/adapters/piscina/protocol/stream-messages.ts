/**
 * How a thread moves payloads piece by piece: it asks, its cell passes the question on, and the node process answers. A
 * thread has at most `asksOpenMax` questions open, each with one piece, so that is what a stream holds on the whole way. Secrets
 * come the same way, so that none is in what a thread is started with.
 */
import { z } from 'zod';
import { payloadPartBytes } from '../../../application/ports/payload-store.ts';
import type { StreamSource, StreamTarget } from '../../../application/ports/run-pool.ts';

export const asksOpenMax = 4;

export type StreamAsk =
  /** The piece that begins there. Answer: `piece`. */
  | { readonly kind: 'read'; readonly of: StreamSource; readonly offset: number }
  /** The next piece, of `payloadPartBytes` unless it is the last. Answer: `done`, when the next may come. */
  | { readonly kind: 'write'; readonly to: StreamTarget; readonly bytes: Uint8Array }
  /** That was all. Answer: `done`, when it is durable. */
  | {
      readonly kind: 'finish';
      readonly to: StreamTarget;
      readonly bytes: number;
      readonly sha256: Uint8Array;
    }
  /** What came so far is nothing. Answer: `done`. */
  | { readonly kind: 'abandon'; readonly to: StreamTarget }
  /** Room for it in a file. Answer: `path`. */
  | { readonly kind: 'place'; readonly of: StreamSource }
  /** A secret that its handler may read. Answer: `secret`. */
  | { readonly kind: 'secret'; readonly name: string };

export type StreamAnswer =
  | { readonly kind: 'piece'; readonly bytes: Uint8Array }
  | { readonly kind: 'done' }
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'secret'; readonly value: string }
  /** `lasting`: every attempt would meet the same. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string; readonly lasting: boolean };

/** Between a cell and its thread. The run is named, because a question of an earlier run may still be on its way. */
export interface ThreadAsk {
  readonly runId: string;
  readonly number: number;
  readonly ask: StreamAsk;
}
export interface ThreadAnswer {
  readonly runId: string;
  readonly number: number;
  readonly answer: StreamAnswer;
}

const source = z.enum(['input', 'checkpoint']);
const target = z.enum(['output', 'checkpoint']);
const count = z.int().nonnegative();
const piece = z.instanceof(Uint8Array).refine((bytes) => bytes.byteLength <= payloadPartBytes);
const digest = z.instanceof(Uint8Array).refine((bytes) => bytes.byteLength === 32);
const textMaxChars = 4_096;
/** Of a file of 64 KiB. */
const secretMaxChars = 65_536;
const text = z.string().max(textMaxChars);

export const streamAskShape: z.ZodType<StreamAsk> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('read'), of: source, offset: count }),
  z.object({ kind: z.literal('write'), to: target, bytes: piece }),
  z.object({ kind: z.literal('finish'), to: target, bytes: count, sha256: digest }),
  z.object({ kind: z.literal('abandon'), to: target }),
  z.object({ kind: z.literal('place'), of: source }),
  z.object({ kind: z.literal('secret'), name: text }),
]);

export const streamAnswerShape: z.ZodType<StreamAnswer> = z.discriminatedUnion('kind', [
  // A copy, because the bytes are a view into their frame, and the cell transfers them to the thread.
  z.object({ kind: z.literal('piece'), bytes: piece.transform((view) => new Uint8Array(view)) }),
  z.object({ kind: z.literal('done') }),
  z.object({ kind: z.literal('path'), path: text }),
  z.object({ kind: z.literal('secret'), value: z.string().max(secretMaxChars) }),
  z.object({ kind: z.literal('refused'), code: text, message: text, lasting: z.boolean() }),
]);

const threadAskShape: z.ZodType<ThreadAsk> = z.object({ runId: z.string(), number: count, ask: streamAskShape });

/** Undefined if it is no question: the handler has the same ports, and can post by itself. */
export function threadAskFrom(message: unknown): ThreadAsk | undefined {
  return threadAskShape.safeParse(message).data;
}
