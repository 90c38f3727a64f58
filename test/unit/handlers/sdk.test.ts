/** The handler SDK without any thread: definitions, quantities, input kinds, outcomes, the testing helper. */
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import type { HandlerContext } from '../../../src/handlers/context.ts';
import type { AnyHandler } from '../../../src/handlers/definition.ts';
import { executeHandler } from '../../../src/handlers/execution.ts';
import { bytes, bytesOr, defineHandler, fail, reject } from '../../../src/handlers/index.ts';
import { manifestOf } from '../../../src/handlers/manifest.ts';
import { PayloadStreams } from '../../../src/handlers/payload-streams.ts';
import { durationMsOf, parseSizeBytes } from '../../../src/handlers/quantity.ts';
import { runHandler } from '../../../src/handlers/testing.ts';

const run = (): undefined => undefined;

describe('quantities', () => {
  it.each([
    ['250ms', 250],
    ['1.5s', 1_500],
    ['5m', 300_000],
    ['2 h', 7_200_000],
    ['1d', 86_400_000],
    ['1h30m', 5_400_000],
    [1_234, 1_234],
  ])('%s is %i ms', (text, ms) => {
    expect(durationMsOf(text)).toBe(ms);
  });

  it.each(['', '5', 'm', '5 parsecs', '5constructor', '-1s', '1s 2m', Number.NaN, Number.POSITIVE_INFINITY])(
    '%s is no duration',
    (text) => {
      expect(durationMsOf(text)).toBeUndefined();
    },
  );

  it.each([
    ['512MiB', 512 * 2 ** 20],
    ['1GiB', 2 ** 30],
    ['64 MB', 64e6],
    ['1.5KiB', 1_536],
    [7, 7],
  ])('%s is %i bytes', (text, size) => {
    expect(parseSizeBytes(text)).toBe(size);
  });
});

describe('defineHandler', () => {
  it('names the handler and the field that is wrong, and what would be right', () => {
    const wrong = (options: object) => () => defineHandler({ name: 'x.y', run, ...options });
    expect(wrong({ name: 'no spaces!' })).toThrow('handler "no spaces!": name: "no spaces!" is not valid');
    expect(wrong({ name: 'a.b.c.d.e' })).toThrow(/name/);
    expect(wrong({ version: 'one two' })).toThrow('handler "x.y": version');
    expect(wrong({ executionTimeout: '5 min' })).toThrow(
      'handler "x.y": executionTimeout: "5 min" is not valid; expected a duration of 10 ms to 604800000 ms, such as "250ms", "30s", "5m" or "2h"',
    );
    expect(wrong({ memory: '12 elephants' })).toThrow(/memory: "12 elephants" .* such as "512MiB"/);
    expect(wrong({ memory: '1MiB' })).toThrow(/memory/);
    expect(wrong({ memoryMax: 'all of it' })).toThrow(/memoryMax: "all of it" .* such as "512MiB"/);
    expect(wrong({ memory: '1GiB', memoryMax: '512MiB' })).toThrow(
      'handler "x.y": memoryMax: "512MiB" is not valid; expected at least `memory`',
    );
    expect(wrong({ retry: { maxAttempts: 0 } })).toThrow(/retry\.maxAttempts: 0/);
    expect(wrong({ retry: { initialDelay: 'soon' } })).toThrow(/retry\.initialDelay/);
    expect(wrong({ retry: { coefficient: 0.5 } })).toThrow(/retry\.coefficient/);
    // Not more than the contract takes, or what was accepted once could not be submitted again.
    expect(wrong({ retry: { coefficient: 10.1 } })).toThrow(/retry\.coefficient: 10\.1 .* 1 to 10/);
    expect(wrong({ retry: { maxDelay: '25h' } })).toThrow(/retry\.maxDelay: "25h" is not valid/);
    expect(wrong({ retry: { initialDelay: '2m', maxDelay: '1m' } })).toThrow(
      'handler "x.y": retry.maxDelay: "1m" is not valid; expected at least `initialDelay`',
    );
    expect(wrong({ retry: { maxLosses: 25 } })).toThrow(/retry\.maxLosses: 25 .* 0 to 24/);
    expect(wrong({ retry: { nonRetryableCodes: 'ENOENT' } })).toThrow(
      /retry\.nonRetryableCodes: "ENOENT" .* a list of at most 32/,
    );
    expect(wrong({ retry: { nonRetryableCodes: Array(33).fill('A') } })).toThrow(/a list of at most 32/);
    expect(wrong({ retry: { nonRetryableCodes: ['ENOENT', 'no card'] } })).toThrow(
      /retry\.nonRetryableCodes\[1\]: "no card"/,
    );
    expect(wrong({ retry: { nonRetryableCodes: ['A'.repeat(65)] } })).toThrow(/retry\.nonRetryableCodes\[0\]/);
    const heartbeat = (heartbeatTimeout: unknown, more: object = {}) => wrong({ heartbeatTimeout, ...more });
    for (const bad of ['soon', '999ms', -1, '8d']) expect(heartbeat(bad)).toThrow(/heartbeatTimeout: .* 1000 ms to/);
    expect(heartbeat('31s', { executionTimeout: '30s' })).toThrow(/the execution timeout \(30000 ms\), or 0 for none/);
    for (const good of ['1s', 0, '30s']) expect(heartbeat(good, { executionTimeout: '30s' })).not.toThrow();
    expect(wrong({ cancelGrace: '1 week' })).toThrow(/cancelGrace/);
    expect(wrong({ input: { type: 'object' } })).toThrow(/input: .* Standard Schema/);
    expect(wrong({ run: 'fast' })).toThrow(/run/);
  });

  it('types input and output by the schemas', () => {
    const handler = defineHandler({
      name: 'typed',
      input: z.object({ size: z.number().default(3) }),
      output: z.object({ area: z.number() }),
      run: ({ size }) => ({ area: size * size }),
    });
    expectTypeOf(handler.run).parameter(0).toEqualTypeOf<{ size: number }>();
    // @ts-expect-error -- the result does not satisfy the output schema
    defineHandler({ name: 'x', output: z.object({ area: z.number() }), run: () => ({ area: 'large' }) });
  });

  it('becomes a manifest of plain data', () => {
    const handler = defineHandler({
      name: 'a.b',
      input: z.object({ size: z.number().default(3), tag: z.string() }),
      memory: '100MB',
      heartbeatTimeout: '30s',
      retry: { maxDelay: '5m', nonRetryableCodes: ['ENOENT'] },
      run,
    });
    const manifest = manifestOf(handler);
    expect(JSON.parse(JSON.stringify(manifest))).toEqual(manifest);
    expect(manifest).toMatchObject({ name: 'a.b', version: '0.0.0', inputKind: 'json', memoryMb: 96 });
    expect(manifest.heartbeatTimeoutMs).toBe(30_000);
    expect(manifest.retry).toEqual({ maxMs: 300_000, nonRetryableCodes: ['ENOENT'] });
    expect(manifest.inputSchema).toMatchObject({ required: ['tag'] });
  });

  it('knows three kinds of input', () => {
    const kindOf = (input: Parameters<typeof defineHandler>[0]['input']) =>
      manifestOf(defineHandler({ name: 'k', run, ...(input !== undefined && { input }) }));
    expect(kindOf(undefined)).toMatchObject({ inputKind: 'any' });
    expect(kindOf(bytes())).toEqual({ name: 'k', version: '0.0.0', inputKind: 'bytes' });
    expect(kindOf(bytesOr(z.object({ path: z.string() })))).toMatchObject({
      inputKind: 'any',
      inputSchema: { required: ['path'] },
    });
    const unsayable = kindOf(z.object({ at: z.date() }));
    expect(unsayable.inputKind).toBe('json');
    expect(unsayable.inputSchema).toBeUndefined();
  });
});

describe('a schema of valibot', () => {
  type Override = (node: { readonly valibotSchema: unknown }) => object | undefined;
  /** Converted as valibot does: each schema within it is shown to the override. */
  const published = (member: object): unknown => {
    const whole = { kind: 'schema', type: 'object', entries: { a: member } };
    const convert = (overrideSchema: Override): object =>
      overrideSchema({ valibotSchema: whole }) ?? {
        type: 'object',
        properties: { a: overrideSchema({ valibotSchema: member }) ?? { type: 'string' } },
      };
    const standard = {
      version: 1,
      vendor: 'valibot',
      validate: (value: unknown) => ({ value }),
      jsonSchema: {
        input: ({ libraryOptions }: { libraryOptions: { overrideSchema: Override } }) =>
          convert(libraryOptions.overrideSchema),
      },
    } as const;
    return manifestOf(defineHandler({ name: 'v', run, input: { '~standard': standard } })).inputSchema;
  };

  it('that falls back to a value takes anything, and nothing is published of what holds it', () => {
    const text = { kind: 'schema', type: 'string' };
    expect(published(text)).toEqual({ type: 'object', properties: { a: { type: 'string' } } });
    expect(published({ ...text, fallback: 'x' })).toEqual({});
    expect(published({ ...text, pipe: [text, { kind: 'validation', type: 'max_length' }], fallback: 'x' })).toEqual({});
    expect(published({ kind: 'schema', type: 'union', options: [{ ...text, fallback: undefined }] })).toEqual({});
    // A name that a user gave is none of it.
    expect(published({ kind: 'schema', type: 'object', entries: { fallback: text } })).not.toEqual({});
  });
});

describe('runHandler', () => {
  const divide = defineHandler({
    name: 'divide',
    input: z.object({ by: z.number() }),
    run({ by }, ctx) {
      ctx.progress(0.5, 'half way');
      ctx.log.info('dividing');
      ctx.throwIfCancelled();
      if (by === 0) throw reject('cannot divide by nothing', { code: 'ZERO' });
      if (by < 0) throw fail('not today', { code: 'LATER' });
      return { attempt: ctx.attempt, result: 1 / by, gone: undefined };
    },
  });

  it('gives what a client would get, with progress and logs', async () => {
    expect(await runHandler(divide, { by: 4 }, { attempt: 2 })).toEqual({
      kind: 'succeeded',
      output: { attempt: 2, result: 0.25 },
      progress: [{ fraction: 0.5, note: 'half way' }],
      logs: [{ level: 'info', text: 'dividing' }],
      checkpoints: [],
    });
  });

  it('plays the attempt before, and lists what is saved for the next', async () => {
    const adds = defineHandler({
      name: 'adds',
      async run(_input, ctx) {
        const sum = Number(ctx.lastCheckpoint ?? 0) + 1;
        await ctx.checkpoint({ sum });
        void ctx.checkpoint(new Uint8Array([sum]));
        return sum;
      },
    });
    expect(await runHandler(adds, null)).toMatchObject({ output: 1 });
    expect(await runHandler(adds, null, { lastCheckpoint: 4 })).toMatchObject({
      output: 5,
      checkpoints: [{ sum: 5 }, new Uint8Array([5])],
    });
  });

  it('gives failures as the cluster would record them', async () => {
    expect(await runHandler(divide, { by: 0 })).toMatchObject({
      kind: 'failed',
      retryable: false,
      failure: { reason: 'HANDLER_REJECTED', message: 'cannot divide by nothing', code: 'ZERO' },
    });
    expect(await runHandler(divide, { by: -1 })).toMatchObject({
      retryable: true,
      failure: { reason: 'HANDLER_FAILED', code: 'LATER' },
    });
    expect(await runHandler(divide, { by: 'two' as unknown as number })).toMatchObject({
      retryable: false,
      failure: { reason: 'INVALID_INPUT', message: expect.stringMatching(/^input\.by: /) as string },
    });
  });

  it('is cancelled by its signal', async () => {
    const signal = AbortSignal.abort();
    expect(await runHandler(divide, { by: 1 }, { signal })).toMatchObject({ kind: 'cancelled' });
  });

  it('hands bytes over as bytes, within their bound', async () => {
    const reverse = defineHandler({
      name: 'reverse',
      input: bytes({ maxBytes: 3 }),
      run: (input) => input.slice().reverse(),
    });
    expect(await runHandler(reverse, new Uint8Array([1, 2, 3]))).toMatchObject({ output: new Uint8Array([3, 2, 1]) });
    expect(await runHandler(reverse, new Uint8Array(4))).toMatchObject({ failure: { reason: 'INVALID_INPUT' } });
    expect(await runHandler(reverse, {} as Uint8Array)).toMatchObject({
      failure: { reason: 'INVALID_INPUT', message: 'input: expected bytes, got json' },
    });
  });
});

function unusedStreams(): PayloadStreams {
  const unused = (): never => {
    throw new Error('the handler uses no streams');
  };
  const sink = { write: unused, finish: unused, abandon: unused };
  return new PayloadStreams({ input: unused, checkpoint: unused, output: sink, saved: sink });
}

it('bytes that were handed over to another thread are no output', async () => {
  const gone = defineHandler({
    name: 'gone',
    run() {
      const bytes = new Uint8Array(8);
      structuredClone(bytes, { transfer: [bytes.buffer] });
      return bytes;
    },
  });
  const noContext = {} as HandlerContext;
  const inMemory = { streams: unusedStreams(), wholeMaxBytes: Infinity };
  expect(await executeHandler(gone as AnyHandler, { kind: 'json', json: '{}' }, noContext, inMemory)).toMatchObject({
    kind: 'failed',
    retryable: false,
    failure: { reason: 'INVALID_OUTPUT', message: expect.stringMatching(/transferred to another thread/) as string },
  });
});
