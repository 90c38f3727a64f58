/** Payloads piece by piece between a store and a handler in its thread: what is held, what is checked, what is left behind. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TroupeError } from '../../src/domain/errors.ts';
import { eventually, type Harness, startPool } from '../support/rogue-handlers/harness.ts';
import { CountedStreams } from '../support/run-streams.ts';

const mib = 1 << 20;
/** A few pieces in each of node, cell, thread and handler. */
const heldMaxBytes = 12 * mib;
const scratchFolder = mkdtempSync(join(tmpdir(), 'troupe-scratch-'));
let pool: Harness;

beforeAll(async () => {
  pool = await startPool({
    handlerDirs: [fileURLToPath(new URL('../support/stream-handlers', import.meta.url))],
    outputMaxBytes: 2 * mib,
    streamedMaxBytes: 512 * mib,
    scratchFolder,
    scratchMaxBytes: 64 * mib,
    cancelGraceMs: 100,
  });
});
afterAll(async () => {
  await pool.stop();
  expect(files()).toEqual([]);
  rmSync(scratchFolder, { recursive: true });
});

/** What lies in the scratch folder. */
function files(): readonly string[] {
  const entries = readdirSync(scratchFolder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

function copy(streams: CountedStreams) {
  return pool.run('stream.copies', undefined, { input: streams.input }, streams);
}

describe('a streamed payload', () => {
  it.each([0, 1, mib, 3 * mib + 17])('of %i bytes goes through a handler unchanged', async (bytes) => {
    const streams = new CountedStreams(bytes);
    const { outcome } = await copy(streams).ended;
    expect(outcome).toEqual({ kind: 'succeeded', output: { kind: 'streamed', bytes } });
    expect([streams.writtenBytes, streams.completed]).toEqual([bytes, streams.sha256(0)]);
    expect(streams.writtenSha256).toBe(streams.sha256(0));
  });

  it(
    'of 256 MiB is nowhere in memory as a whole: a few pieces are held between the store and the store',
    { timeout: 120_000 },
    async () => {
      const streams = new CountedStreams(256 * mib);
      const { outcome } = await copy(streams).ended;
      expect(outcome).toMatchObject({ kind: 'succeeded' });
      expect(streams.writtenBytes).toBe(256 * mib);
      expect(streams.heldMax).toBeLessThanOrEqual(heldMaxBytes);
    },
  );

  it('waits for a store that is slow to take the output, and reads no further meanwhile', async () => {
    const streams = new CountedStreams(64 * mib);
    const may = Promise.withResolvers<undefined>();
    let waits = false;
    streams.beforeWrite = async () => {
      if (streams.writtenBytes < 8 * mib) return;
      waits = true;
      await may.promise;
    };
    const run = copy(streams);
    await eventually('the store lets the output wait', () => waits);
    // Another run goes through the same cell meanwhile.
    const other = new CountedStreams(16 * mib);
    expect((await copy(other).ended).outcome).toMatchObject({ kind: 'succeeded' });
    expect(streams.readBytes).toBeLessThanOrEqual(8 * mib + heldMaxBytes);
    may.resolve(undefined);
    expect((await run.ended).outcome).toMatchObject({ kind: 'succeeded' });
  });

  it('is a file too, and a stream from any byte on', async () => {
    const bytes = 5 * mib + 3;
    const streams = new CountedStreams(bytes);
    const { outcome } = await pool.run('stream.reads', undefined, { input: streams.input }, streams).ended;
    if (outcome.kind !== 'succeeded' || outcome.output?.kind !== 'json') throw new Error(JSON.stringify(outcome));
    const found = JSON.parse(outcome.output.json) as { readonly path: string };
    const [whole, rest] = [streams.sha256(0), streams.sha256(Math.floor(bytes / 2))];
    expect(found).toMatchObject({ bytes, file: whole, stream: whole, rest, again: true });
    await eventually('its file is removed', () => !existsSync(found.path));
  });

  it('is read in as many streams at once as its handler likes', async () => {
    const bytes = 4 * mib + 7;
    const streams = new CountedStreams(bytes);
    const run = pool.run('stream.many', undefined, { input: streams.input }, streams);
    expect((await run.ended).outcome).toEqual({ kind: 'succeeded', output: { kind: 'streamed', bytes } });
    expect(streams.writtenSha256).toBe(streams.sha256(0));
    const read = run.lines.flatMap((line) => JSON.parse(line.text) as [number, string][]);
    expect(read).toHaveLength(9);
    expect(read).toEqual(read.map(([from]) => [from, streams.sha256(from)]));
  });

  it('that is not what was stored ends the job, before the handler has seen the end of it', async () => {
    const streams = new CountedStreams(3 * mib);
    const input = { ...streams.input, sha256: new Uint8Array(32) } as const;
    const { outcome } = await pool.run(
      'stream.copies',
      undefined,
      { input: { ...input, kind: 'streamed' } as never },
      streams,
    ).ended;
    expect(outcome).toMatchObject({ kind: 'failed', retryable: false, failure: { reason: 'INVALID_INPUT' } });
    expect(streams.completed).toBeUndefined();
  });

  it('that disappears while it is read ends the job with the reason', async () => {
    const streams = new CountedStreams(8 * mib);
    streams.read = () => Promise.reject(new TroupeError('PAYLOAD_GONE', { metadata: { why: 'missing' } }));
    const { outcome } = await copy(streams).ended;
    expect(outcome).toMatchObject({
      retryable: false,
      failure: { reason: 'INVALID_INPUT', message: /cannot be read/ },
    });
  });
});

describe('an output', () => {
  it('that the store refuses fails the attempt, which may be tried again', async () => {
    const streams = new CountedStreams(8 * mib);
    streams.write = () => Promise.reject(new TroupeError('STORE_UNAVAILABLE', { message: 'the disk is full' }));
    const { outcome } = await copy(streams).ended;
    const failure = { reason: 'HANDLER_FAILED', code: 'STORE_UNAVAILABLE', message: 'the disk is full' };
    expect(outcome).toMatchObject({ kind: 'failed', retryable: true, failure });
  });

  it('that grows past the limit is cut off there, and ends the job with the name of the limit', async () => {
    const small = await startPool({
      handlerDirs: [fileURLToPath(new URL('../support/stream-handlers', import.meta.url))],
      streamedMaxBytes: 4 * mib,
    });
    const streams = new CountedStreams(64 * mib);
    const { outcome } = await small.run('stream.copies', undefined, { input: streams.input }, streams).ended;
    await small.stop();
    const message = expect.stringContaining('4194304 bytes that are allowed (objects.payloadMaxBytes)') as string;
    expect(outcome).toMatchObject({ retryable: false, failure: { reason: 'INVALID_OUTPUT', message } });
    expect(streams.writtenBytes).toBeLessThanOrEqual(4 * mib);
    expect(streams.completed).toBeUndefined();
  });
});

describe('a checkpoint', () => {
  it.each([
    { bytes: 5 * mib + 1, asValue: 'RangeError' },
    { bytes: 100, asValue: 'RangeError' },
  ])('of $bytes bytes is saved as a stream, and read as one by the next attempt', async ({ bytes, asValue }) => {
    const streams = new CountedStreams(bytes);
    const first = pool.run('stream.continues', undefined, { input: streams.input }, streams);
    expect((await first.ended).outcome).toMatchObject({ kind: 'failed', failure: { message: 'half way' } });
    expect(first.checkpoints).toEqual([{ kind: 'streamed', bytes }]);
    expect([streams.completed, streams.writtenSha256]).toEqual([streams.sha256(0), streams.sha256(0)]);
    const checkpoint = streams.input;
    const next = pool.run('stream.continues', undefined, { input: streams.input, checkpoint }, streams);
    const sum = streams.sha256(0);
    const found = JSON.stringify({ bytes, stream: sum, file: sum, asValue });
    expect((await next.ended).outcome).toEqual({ kind: 'succeeded', output: { kind: 'json', json: found } });
    await eventually('its file is removed', () => files().length === 0);
  });

  it('that the store refuses is told to the handler, and another may follow', async () => {
    const streams = new CountedStreams(2 * mib);
    streams.write = () => Promise.reject(new TroupeError('PAYLOAD_TOO_LARGE'));
    const { outcome } = await pool.run('stream.continues', undefined, { input: streams.input }, streams).ended;
    expect(outcome).toMatchObject({ retryable: true, failure: { code: 'PAYLOAD_TOO_LARGE' } });
  });
});

describe('a handler that gets its input whole', () => {
  it('gets one that came as a stream, up to its limit', async () => {
    const streams = new CountedStreams(2 * mib);
    const { outcome } = await pool.run('stream.whole', undefined, { input: streams.input }, streams).ended;
    expect(outcome).toEqual({ kind: 'succeeded', output: { kind: 'json', json: JSON.stringify({ bytes: 2 * mib }) } });
  });

  it('is told the limit and what to do about a larger one, of which nothing is read', async () => {
    const streams = new CountedStreams(2 * mib + 1);
    const { outcome } = await pool.run('stream.whole', undefined, { input: streams.input }, streams).ended;
    const message =
      'input: has 2097153 bytes, and a handler gets at most 2097152 whole (gateway.payloadMaxBytes): ' +
      'define it with `input: streamed()` and read ctx.input.stream() or ctx.input.file()';
    expect(outcome).toEqual({ kind: 'failed', retryable: false, failure: { reason: 'INVALID_INPUT', message } });
    expect(streams.readBytes).toBe(0);
  });
});

describe('an attempt with open streams', () => {
  async function staying(more: object = {}) {
    const streams = new CountedStreams(16 * mib);
    const run = pool.run('stream.stays', undefined, { input: streams.input, ...more }, streams);
    await eventually('it has a file and half an output', () => run.lines.length > 0);
    expect(files()).toEqual(['input']);
    return { run, streams };
  }

  it('that runs out of memory leaves no file and no output', async () => {
    const streams = new CountedStreams(16 * mib);
    const run = pool.run('stream.grows', undefined, { input: streams.input }, streams);
    // V8 ends the thread, or now and then the process.
    expect([
      expect.objectContaining({
        kind: 'failed',
        failure: expect.objectContaining({ reason: 'OUT_OF_MEMORY' }) as unknown,
      }),
      { kind: 'lost', blame: 'convicted' },
    ]).toContainEqual((await run.ended).outcome);
    await eventually('the writer of the output is told', () => streams.failed !== undefined);
    await eventually('its file is removed', () => files().length === 0);
    expect([run.lines.length, streams.completed]).toEqual([1, undefined]);
  });

  it.each([
    { how: 'is cancelled', end: (runId: string) => pool.pool.cancel(runId), more: {}, as: { kind: 'stopped' } },
    {
      how: 'runs out of time',
      end: () => undefined,
      // Long enough for a slow machine to look at its files before.
      more: { executionTimeoutMs: 5_000 },
      as: { kind: 'failed', failure: { reason: 'ATTEMPT_TIMED_OUT' } },
    },
    {
      how: 'loses its cell',
      end: () => void process.kill(pool.pool.stats().cells[0]?.pid ?? 0, 'SIGKILL'),
      more: {},
      as: { kind: 'lost' },
    },
  ])('that $how leaves no file and no output', async ({ end, more, as }) => {
    const { run, streams } = await staying(more);
    end(run.runId);
    expect((await run.ended).outcome).toMatchObject(as);
    await eventually('the writer of the output is told', () => streams.failed !== undefined);
    expect(streams.failed).toMatchObject({ message: 'the attempt ended before its output was complete' });
    await eventually('its file is removed', () => files().length === 0);
    expect(streams.completed).toBeUndefined();
  });
});
