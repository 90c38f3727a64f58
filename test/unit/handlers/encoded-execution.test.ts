/** A handler with a codec, as its thread runs it. */
import { expect, it } from 'vitest';
import type { RunPayload } from '../../../src/domain/attempt-outcome.ts';
import { decodeFailure } from '../../../src/domain/encoded-failure.ts';
import { decodeValue, encodeValue, type PayloadCodec } from '../../../src/domain/payload-codec.ts';
import type { HandlerContext } from '../../../src/handlers/context.ts';
import { type AnyHandler, defineHandler } from '../../../src/handlers/definition.ts';
import { executeHandler } from '../../../src/handlers/execution.ts';
import { manifestOf } from '../../../src/handlers/manifest.ts';
import { memorySource, type OutputSink, PayloadStreams } from '../../../src/handlers/payload-streams.ts';
import { bytes, streamed } from '../../../src/handlers/schema.ts';
import { runHandler } from '../../../src/handlers/testing.ts';
import { turnedCodec } from '../../support/turned-codec.ts';
import { z } from 'zod';

const handler = 'test.coded';
const jobId = 'job-1';
const about = (field: 'input' | 'output' | 'checkpoint' | 'failure') => ({
  field,
  handler,
  jobId: field === 'input' ? undefined : jobId,
});

function coded(run: (input: unknown, ctx: HandlerContext) => unknown, codec: PayloadCodec = turnedCodec): AnyHandler {
  return defineHandler({ name: handler, codec, run: run });
}

interface Ran {
  readonly saved: unknown[];
  readonly outcome: Awaited<ReturnType<typeof executeHandler>>;
}

async function ran(definition: AnyHandler, given: RunPayload, more: Partial<HandlerContext> = {}): Promise<Ran> {
  const saved: unknown[] = [];
  const nothing: OutputSink = {
    write: () => Promise.resolve(),
    finish: () => Promise.resolve(),
    abandon: () => Promise.resolve(),
  };
  const streams = new PayloadStreams({
    input: () => memorySource('input', Buffer.from('raw'), () => Promise.resolve('/nowhere')),
    checkpoint: () => undefined,
    output: nothing,
    saved: nothing,
  });
  const ctx = {
    jobId,
    heartbeat: () => undefined,
    checkpoint: async (value: unknown) => void saved.push(value),
  };
  // Getters stay getters.
  Object.defineProperties(ctx, Object.getOwnPropertyDescriptors(more));
  const outcome = await executeHandler(definition, given, ctx as unknown as HandlerContext, {
    streams,
    wholeMaxBytes: 1_000,
  });
  return { saved, outcome };
}

async function encoded(field: 'input' | 'checkpoint', value: unknown): Promise<Uint8Array> {
  return encodeValue(turnedCodec, about(field), { kind: 'json', json: JSON.stringify(value) });
}
const inputOf = async (value: unknown): Promise<RunPayload> => ({
  kind: 'bytes',
  bytes: await encoded('input', value),
});

it('gives the handler what was encoded, and encodes what it returns', async () => {
  const { outcome } = await ran(
    coded((input, ctx) => ({ input, last: ctx.lastCheckpoint })),
    await inputOf({ a: 1 }),
    {
      lastCheckpoint: await encoded('checkpoint', { step: 2 }),
    },
  );
  if (outcome.kind !== 'succeeded' || outcome.output?.kind !== 'bytes') return expect.fail('there are bytes');
  expect(await decodeValue(turnedCodec, about('output'), outcome.output)).toEqual({
    kind: 'json',
    json: '{"input":{"a":1},"last":{"step":2}}',
  });
});

it('encodes one checkpoint at a time, and the newest of those that came meanwhile', async () => {
  const asked: (() => void)[] = [];
  const slow: PayloadCodec = {
    ...turnedCodec,
    encode: (value, to) =>
      to.field === 'checkpoint'
        ? new Promise((resolve) => asked.push(() => resolve(turnedCodec.encode(value, to))))
        : turnedCodec.encode(value, to),
  };
  const { saved } = await ran(
    coded(async (_input, ctx) => {
      const all = [ctx.checkpoint(1)];
      await Promise.resolve();
      await Promise.resolve();
      for (const value of [2, 3, 4]) all.push(ctx.checkpoint(value));
      expect(asked).toHaveLength(1);
      asked[0]?.();
      await all[0];
      while (asked.length < 2) await Promise.resolve();
      asked[1]?.();
      await Promise.all(all);
      expect(asked).toHaveLength(2);
    }, slow),
    await inputOf(null),
  );
  const values = saved.map((value) =>
    decodeValue(turnedCodec, about('checkpoint'), { kind: 'bytes', bytes: value as Uint8Array }),
  );
  expect(await Promise.all(values)).toEqual([
    { kind: 'json', json: '1' },
    { kind: 'json', json: '4' },
  ]);
});

it('encodes the texts of a failure, and leaves its code', async () => {
  const broken = coded(() => {
    throw Object.assign(new Error('canary'), { code: 'E_OWN' });
  });
  const { outcome } = await ran(broken, await inputOf(1));
  if (outcome.kind !== 'failed') return expect.fail('it fails');
  expect(outcome).toMatchObject({ retryable: true, failure: { code: 'E_OWN', reason: 'HANDLER_FAILED' } });
  expect(JSON.stringify(outcome)).not.toContain('canary');
  expect((await decodeFailure(turnedCodec, about('failure'), outcome.failure)).message).toBe('canary');
});

it.each([
  ['a value that is not encoded', { kind: 'json', json: '{"canary":1}' } as const, 'it is not encoded', false],
  [
    'bytes of another',
    { kind: 'bytes', bytes: Buffer.from([0, 0x74, 0x63, 1, 1, 2]) } as const,
    'the codec cannot',
    true,
  ],
])('fails with %s, and names the field and the job', async (_, given, what, retryable) => {
  const { outcome } = await ran(
    coded(() => expect.fail('it must not run')),
    given,
  );
  expect(outcome).toMatchObject({ kind: 'failed', retryable, failure: { code: 'CODEC_FAILED' } });
  if (outcome.kind !== 'failed') return;
  expect(outcome.failure.message).toMatch(new RegExp(`^input: ${what}.*\\(job job-1\\)$`));
  expect(JSON.stringify(outcome)).not.toContain('canary');
});

it('what a codec says is final, is', async () => {
  const codec: PayloadCodec = {
    ...turnedCodec,
    decode: () => Promise.reject(Object.assign(new Error('no'), { retryable: false })),
  };
  expect(
    (
      await ran(
        coded(() => 1, codec),
        await inputOf(1),
      )
    ).outcome,
  ).toMatchObject({ kind: 'failed', retryable: false });
});

it.each([
  ['ctx.input.stream()', (ctx: HandlerContext) => ctx.input.stream()],
  ['ctx.input.file()', (ctx: HandlerContext) => ctx.input.file()],
  ['ctx.output.stream()', (ctx: HandlerContext) => ctx.output.stream()],
  [
    'a stream as a checkpoint',
    (ctx: HandlerContext) =>
      ctx.checkpoint(
        (async function* () {
          yield Buffer.from('x');
        })(),
      ),
  ],
])('%s would pass the codec by, and is not there', async (_, use) => {
  const { outcome } = await ran(
    coded((_input, ctx) => use(ctx)),
    await inputOf(1),
  );
  expect(outcome).toMatchObject({ kind: 'failed', retryable: false, failure: { code: 'CODEC_FAILED' } });
});

it('a checkpoint of before that was a stream ends the attempt', async () => {
  const { outcome } = await ran(
    coded(() => 1),
    await inputOf(1),
    {
      get lastCheckpoint(): unknown {
        throw new RangeError('too large');
      },
    },
  );
  expect(outcome).toMatchObject({ kind: 'failed', retryable: false, failure: { code: 'CODEC_FAILED' } });
});

it('its manifest takes bytes, and says nothing of what is in them', () => {
  const input = z.object({ name: z.string() });
  const run = () => 1;
  const accepting = { ...turnedCodec, acceptsPlain: true };
  expect(manifestOf(defineHandler({ name: handler, codec: turnedCodec, input, run }))).toMatchObject({
    inputKind: 'bytes',
  });
  expect(manifestOf(defineHandler({ name: handler, codec: turnedCodec, input, run }))).not.toHaveProperty(
    'inputSchema',
  );
  expect(manifestOf(defineHandler({ name: handler, codec: accepting, input: bytes(), run })).inputKind).toBe('any');
});

it('a definition with half a codec, or with a streamed input, is refused', () => {
  const run = () => 1;
  const half = { encode: turnedCodec.encode } as PayloadCodec;
  expect(() => defineHandler({ name: handler, codec: half, run })).toThrow('codec.decode');
  expect(() => defineHandler({ name: handler, codec: turnedCodec, input: streamed(), run })).toThrow('input:');
});

it('a test runs a handler without its codec', async () => {
  const definition = defineHandler({ name: handler, codec: turnedCodec, input: z.number(), run: (n) => n + 1 });
  expect(await runHandler(definition, 1)).toMatchObject({ kind: 'succeeded', output: 2 });
});
