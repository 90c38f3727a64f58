/** `ctx.input` and `ctx.output` as their author meets them, in `runHandler` as in the cluster. */
import { existsSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, gzipSync } from 'node:zlib';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { HandlerContext, HandlerInput } from '../../../src/handlers/context.ts';
import { bytes, defineHandler, streamed } from '../../../src/handlers/index.ts';
import { manifestOf } from '../../../src/handlers/manifest.ts';
import { type OutputSink, PayloadStreams } from '../../../src/handlers/payload-streams.ts';
import { runHandler } from '../../../src/handlers/testing.ts';

const mib = 1 << 20;
const large = Buffer.alloc(3 * mib + 5, 'abcdefg');

describe('a handler that streams', () => {
  it('is announced as one that takes bytes and reads them piece by piece; others are not', () => {
    const reads = defineHandler({ name: 'reads', input: streamed(), run: (input) => input.bytes });
    expectTypeOf(reads.run).parameter(0).toEqualTypeOf<HandlerInput>();
    expect(manifestOf(reads)).toMatchObject({ inputKind: 'bytes', inputStreamed: true });
    expect(manifestOf(defineHandler({ name: 'whole', input: bytes(), run: () => 1 }))).not.toHaveProperty(
      'inputStreamed',
    );
  });

  it('unpacks its input into its output, and returns nothing', async () => {
    const unpacks = defineHandler({
      name: 'unpacks',
      input: streamed(),
      async run(input, ctx) {
        await pipeline(input.stream(), createGunzip(), ctx.output.stream());
      },
    });
    const { kind, ...rest } = await runHandler(unpacks, gzipSync(large));
    expect(kind).toBe('succeeded');
    expect(Buffer.from((rest as unknown as { readonly output: Uint8Array }).output).equals(large)).toBe(true);
  });

  it('may read its input as often as it likes, from any byte, and as a file that is gone afterwards', async () => {
    let path = '';
    const reads = defineHandler({
      name: 'reads',
      input: streamed(),
      async run(input, ctx) {
        expect(ctx.input).toBe(input);
        const ends = await Promise.all(
          [0, 1, mib, input.bytes].map(async (from) => (await gathered(input, from)).length),
        );
        path = await input.file();
        expect(await input.file()).toBe(path);
        return { ends, file: readFileSync(path).equals(large) };
      },
    });
    const ends = [0, 1, mib, large.length].map((from) => large.length - from);
    expect(await runHandler(reads, large)).toMatchObject({ kind: 'succeeded', output: { ends, file: true } });
    expect(path).not.toBe('');
    expect(existsSync(path)).toBe(false);
  });

  it('refuses an input above its own limit, before it runs', async () => {
    const little = defineHandler({ name: 'little', input: streamed({ maxBytes: 4 }), run: () => undefined });
    expect(await runHandler(little, new Uint8Array(5))).toMatchObject({
      kind: 'failed',
      failure: { reason: 'INVALID_INPUT', message: 'input: at most 4 bytes, got 5' },
    });
  });

  it('is refused a start that lies outside of the input', async () => {
    const outside = defineHandler({
      name: 'outside',
      input: streamed(),
      run: (input) => void input.stream({ from: 6 }),
    });
    expect(await runHandler(outside, new Uint8Array(5))).toMatchObject({
      failure: { message: /from must be 0 to 5, not 6/ },
    });
  });
});

it('any handler may look at its input in this way: bytes, or the text of its JSON', async () => {
  const looks = defineHandler({
    name: 'looks',
    run: async (_, ctx) => (await gathered(ctx.input)).toString(),
  });
  expect(await runHandler(looks, { a: 1 })).toMatchObject({ output: '{"a":1}' });
  expect(await runHandler(looks, Buffer.from('xyz'))).toMatchObject({ output: 'xyz' });
});

describe('an output stream', () => {
  const outcome = (run: (ctx: HandlerContext) => unknown) =>
    runHandler(defineHandler({ name: 'writes', run: (_, ctx) => run(ctx) as never }), null);

  it.each([
    { how: 'is not ended', run: (ctx: HandlerContext) => void ctx.output.stream().write('x'), says: /was not ended/ },
    {
      how: 'is ended and not awaited',
      run: (ctx: HandlerContext) => void ctx.output.stream().end('x'),
      says: /not awaited/,
    },
    {
      how: 'comes with a returned value',
      run: async (ctx: HandlerContext) => {
        await pipeline(['x'], ctx.output.stream());
        return 7;
      },
      says: /returned a value as well/,
    },
  ])('that $how is no output', async ({ run, says }) => {
    expect(await outcome(run)).toMatchObject({
      kind: 'failed',
      retryable: false,
      failure: { reason: 'INVALID_OUTPUT', message: says },
    });
  });

  it('is opened once', async () => {
    const twice = await outcome((ctx) => [ctx.output.stream(), ctx.output.stream()]);
    expect(twice).toMatchObject({ kind: 'failed', failure: { message: /an output is one stream/ } });
  });

  it('that breaks off fails the attempt with what broke it', async () => {
    const broken = await outcome(async (ctx) => {
      async function* source(): AsyncGenerator<Buffer> {
        yield Buffer.alloc(10);
        throw Object.assign(new Error('upstream is down'), { code: 'EUP' });
      }
      await pipeline(source, ctx.output.stream()).catch(() => undefined);
    });
    expect(broken).toMatchObject({
      kind: 'failed',
      retryable: true,
      failure: { code: 'EUP', message: 'upstream is down' },
    });
  });

  it('without a byte is an empty output', async () => {
    const empty = await outcome(async (ctx) => {
      await pipeline([], ctx.output.stream());
    });
    expect(empty).toMatchObject({ kind: 'succeeded', output: new Uint8Array() });
  });
});

describe('a checkpoint', () => {
  it('may be a stream, and is read as a stream or a file', async () => {
    const saves = defineHandler({
      name: 'saves',
      async run(_, ctx) {
        async function* pieces(): AsyncGenerator<Buffer> {
          yield large;
          yield Buffer.from('!');
        }
        await ctx.checkpoint(pieces());
        await ctx.checkpoint({ page: 2 });
        const saved = ctx.lastCheckpointInput;
        return saved && [(await gathered(saved)).toString(), readFileSync(await saved.file(), 'utf8')];
      },
    });
    const first = await runHandler(saves, null);
    expect(first.checkpoints).toEqual([new Uint8Array([...large, 33]), { page: 2 }]);
    expect(await runHandler(saves, null, { lastCheckpoint: { page: 2 } })).toMatchObject({
      output: ['{"page":2}', '{"page":2}'],
    });
  });

  it('is one stream at a time, as in the cluster', async () => {
    const saves = defineHandler({
      name: 'saves',
      async run(_, ctx) {
        const first = ctx.checkpoint(Readable.from(['ab']));
        expect(() => ctx.checkpoint(Readable.from(['x']))).toThrow(/the stream before is still being saved/);
        await first;
        await ctx.checkpoint(Readable.from(['x']));
      },
    });
    const { kind, checkpoints } = await runHandler(saves, null);
    expect([kind, checkpoints]).toEqual(['succeeded', ['ab', 'x'].map((text) => new Uint8Array(Buffer.from(text)))]);
  });

  it('whose source breaks off is none', async () => {
    const breaks = defineHandler({
      name: 'breaks',
      async run(_, ctx) {
        async function* pieces(): AsyncGenerator<Buffer> {
          yield large;
          throw new Error('no more');
        }
        await ctx.checkpoint(pieces());
      },
    });
    expect(await runHandler(breaks, null)).toMatchObject({ failure: { message: 'no more' }, checkpoints: [] });
  });
});

describe('a stream that is given up while the store takes a piece of it', () => {
  function slowStore() {
    const said: string[] = [];
    const taken = Promise.withResolvers<undefined>();
    const sink: OutputSink = {
      write: async () => {
        said.push('write');
        await taken.promise;
      },
      finish: async () => void said.push('finish'),
      abandon: async () => void said.push('abandon'),
    };
    const none = () => undefined as never;
    const streams = new PayloadStreams({ input: none, checkpoint: none, output: sink, saved: sink });
    return { streams, said, take: () => taken.resolve(undefined) };
  }
  /** Whatever was under way goes on until nothing is left of it. */
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  it('as a checkpoint sends nothing after that, which would be the beginning of the next one', async () => {
    const { streams, said, take } = slowStore();
    const source = new Readable({ read: () => undefined });
    source.push(large);
    const saved = streams.save(source);
    await settled();
    source.destroy(new Error('upstream is down'));
    await expect(saved).rejects.toThrow('upstream is down');
    take();
    await settled();
    expect(said).toEqual(['write', 'abandon']);
  });

  it('as an output is never finished', async () => {
    const { streams, said, take } = slowStore();
    const output = streams.output.stream();
    output.end(large.subarray(0, mib));
    await settled();
    output.destroy(new Error('no more'));
    take();
    await settled();
    expect([said, streams.outputState]).toEqual([['write'], 'failed']);
  });
});

async function gathered(input: HandlerInput, from = 0): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of input.stream({ from })) pieces.push(piece as Uint8Array);
  return Buffer.concat(pieces);
}
