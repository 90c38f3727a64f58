/** Payloads of an attempt that go piece by piece: what the worker asks the store for, and what is left in it. */
import { describe, expect, it } from 'vitest';
import { runIdOf } from '../../../../src/actors/worker/node-attempt.ts';
import type { RunOutput } from '../../../../src/domain/attempt-outcome.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { createWorkerHarness, harnessToken, type WorkerHarness } from '../../../support/worker-harness.ts';

const input = { kind: 'ref', id: 'in', bytes: 3_000, encoding: 'bytes' } as const;

async function granted(arrange: (worker: WorkerHarness) => void): Promise<{
  readonly worker: WorkerHarness;
  readonly runId: string;
  readonly outputName: string;
}> {
  const worker = await createWorkerHarness();
  worker.payloads.set('in', new Uint8Array(3_000));
  worker.spec = { ...worker.spec, input };
  arrange(worker);
  const { message } = await worker.offer(1);
  await worker.kit.settle();
  const name = `${message.jobId}/${harnessToken}/output`;
  return { worker, runId: runIdOf(message.jobId, harnessToken), outputName: name };
}

const streams = (worker: WorkerHarness): void => {
  worker.handlers.replace([{ name: 'test.echo', version: '1.4.0', inputStreamed: true }]);
};

async function* parts(...bytes: readonly number[]): AsyncGenerator<Uint8Array, Uint8Array> {
  for (const size of bytes) yield new Uint8Array(size);
  return new Uint8Array(32);
}

describe('an input', () => {
  it('of a handler that streams is opened, never loaded, and read as the run asks for it', async () => {
    const { worker } = await granted(streams);
    expect(worker.loaded).toEqual([]);
    expect(worker.handed).toMatchObject([{ input: { kind: 'streamed', bytes: 3_000 } }]);
    expect((await worker.streams[0]?.read('input', 1_000))?.byteLength).toBe(2_000);
  });

  it('of another handler is loaded, and one above what a handler gets whole is not', async () => {
    const { worker } = await granted(() => undefined);
    expect([worker.loaded, worker.handed[0]?.input.kind]).toEqual([['in'], 'bytes']);
    const larger = await granted((harness) => {
      harness.spec = { ...harness.spec, input: { ...input, bytes: 17 * 1_048_576 } };
    });
    expect([larger.worker.loaded, larger.worker.handed[0]?.input.kind]).toEqual([[], 'streamed']);
  });

  it('is read by several streams at once, each of which gets the bytes that it asks for', async () => {
    const { worker } = await granted((harness) => {
      streams(harness);
      harness.payloads.set(
        'in',
        Uint8Array.from({ length: 3_000 }, (_, at) => at % 251),
      );
    });
    const offsets = [0, 0, 1_000, 1_000, 0];
    const read = await Promise.all(offsets.map(async (offset) => worker.streams[0]?.read('input', offset)));
    expect(read.map((piece) => [piece?.byteLength, piece?.[0]])).toEqual(
      offsets.map((offset) => [3_000 - offset, offset % 251]),
    );
  });

  it('is asked for again while the store does not answer, until the run ends', async () => {
    const { worker, runId } = await granted(streams);
    worker.payloadStore = 'away';
    let read: Uint8Array | Error | undefined;
    const ask = (): void =>
      void worker.streams[0]?.read('input', 0).then(
        (piece) => (read = piece),
        (error: unknown) => (read = error as Error),
      );
    ask();
    await worker.kit.advance(20_000);
    expect(read).toBeUndefined();
    worker.payloadStore = 'up';
    await worker.kit.advance(5_000);
    expect(read).toHaveLength(3_000);
    worker.payloadStore = 'away';
    read = undefined;
    ask();
    await worker.end(runId, { kind: 'stopped' });
    await worker.kit.advance(5_000);
    expect(read).toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});

describe('a checkpoint', () => {
  const note = (worker: WorkerHarness, runId: string, number: number, payload: RunOutput): void => {
    worker.runs.tell({ kind: 'checkpoint', runId, number, payload });
  };
  const streamed = { kind: 'streamed', bytes: 0 } as const;
  const stored = (worker: WorkerHarness): string[] =>
    [...worker.payloads.keys()].filter((name) => name !== 'in').map((name) => name.split('/').at(-1) ?? '');

  it('that was streamed is recorded by its place in the store, and the one before it is removed', async () => {
    const { worker, runId } = await granted(streams);
    for (const [number, bytes] of [5, 7].entries()) {
      await worker.streams[0]?.write('checkpoint', parts(bytes));
      note(worker, runId, number + 1, streamed);
      await worker.kit.settle();
    }
    expect(worker.checkpoints.map(({ number, bytes, payload }) => [number, bytes, payload.kind])).toEqual([
      [1, 5, 'ref'],
      [2, 7, 'ref'],
    ]);
    expect(worker.checkpointed).toEqual([
      { number: 1, saved: true },
      { number: 2, saved: true },
    ]);
    expect(stored(worker)).toEqual(['streamed-2']);
    await worker.end(runId, { kind: 'stopped' });
    expect(stored(worker), 'the record names it').toEqual(['streamed-2']);
  });

  it('that a later one overtakes before it is sent is removed when that one is recorded', async () => {
    const { worker, runId } = await granted(streams);
    worker.shards = 'away';
    note(worker, runId, 1, { kind: 'json', json: '1' });
    await worker.streams[0]?.write('checkpoint', parts(5));
    note(worker, runId, 2, streamed);
    note(worker, runId, 3, { kind: 'json', json: '3' });
    await worker.kit.settle();
    expect(stored(worker)).toEqual(['streamed-1']);
    worker.shards = 'up';
    await worker.kit.advance(5_000);
    expect(worker.checkpoints.map(({ number }) => number)).toEqual([3]);
    expect(stored(worker)).toEqual([]);
  });

  it('that was streamed and never offered is removed when the run ends; one that was not streamed is none', async () => {
    const { worker, runId } = await granted(streams);
    note(worker, runId, 1, streamed);
    await worker.kit.settle();
    await worker.streams[0]?.write('checkpoint', parts(5));
    await worker.end(runId, { kind: 'stopped' });
    expect([stored(worker), worker.checkpoints]).toEqual([[], []]);
  });

  it('above 1 MiB is opened for the next attempt and not loaded', async () => {
    const large = { kind: 'ref', id: 'saved', bytes: 1_048_577, encoding: 'bytes' } as const;
    const { worker } = await granted((harness) => {
      streams(harness);
      harness.payloads.set('saved', new Uint8Array(1_048_577));
      harness.lastCheckpoint = large;
    });
    expect(worker.loaded).toEqual([]);
    expect(worker.handed).toMatchObject([{ checkpoint: { kind: 'streamed', bytes: 1_048_577 } }]);
    expect((await worker.streams[0]?.read('checkpoint', 1_048_000))?.byteLength).toBe(577);
  });
});

describe('an output', () => {
  it('is named by the report, under the token of the attempt, and was written before', async () => {
    const { worker, runId, outputName } = await granted(streams);
    await worker.streams[0]?.write('output', parts(5));
    expect([...worker.payloads.keys()]).toEqual(['in', outputName]);
    await worker.end(runId, { kind: 'succeeded', output: { kind: 'streamed', bytes: 5 } });
    const output = { kind: 'ref', id: outputName, bytes: 5, encoding: 'bytes' };
    expect(worker.completed).toMatchObject([{ outcome: { kind: 'succeeded', output } }]);
    expect(worker.payloads.has(outputName)).toBe(true);
  });

  it.each([
    { outcome: { kind: 'stopped' }, why: 'was cancelled' },
    { outcome: { kind: 'lost', blame: 'suspect' }, why: 'was lost' },
    { outcome: { kind: 'succeeded' }, why: 'has another output' },
  ] as const)('of an attempt that $why is removed', async ({ outcome }) => {
    const { worker, runId, outputName } = await granted(streams);
    await worker.streams[0]?.write('output', parts(5));
    await worker.end(runId, outcome);
    expect(worker.payloads.has(outputName)).toBe(false);
    expect(worker.completed).not.toMatchObject([{ outcome: { output: { kind: 'ref' } } }]);
  });

  it('of an attempt that no longer holds its job is removed, and nothing is reported', async () => {
    const { worker, runId, outputName } = await granted(streams);
    await worker.streams[0]?.write('output', parts(5));
    worker.runs.tell({ kind: 'stop-run', runId, why: 'stale' });
    await worker.end(runId, { kind: 'succeeded', output: { kind: 'streamed', bytes: 5 } });
    expect([worker.payloads.has(outputName), worker.completed]).toEqual([false, []]);
  });

  it('that was being written when its attempt ended is removed when it is there', async () => {
    const { worker, runId, outputName } = await granted(streams);
    const last = Promise.withResolvers<undefined>();
    async function* slow(): AsyncGenerator<Uint8Array, Uint8Array> {
      yield new Uint8Array(5);
      await last.promise;
      return new Uint8Array(32);
    }
    const written = worker.streams[0]?.write('output', slow());
    await worker.end(runId, { kind: 'lost', blame: 'suspect' });
    last.resolve(undefined);
    await written;
    await worker.kit.settle();
    expect(worker.payloads.has(outputName)).toBe(false);
  });

  it('that was never written is no output, whatever its thread says', async () => {
    const { worker, runId } = await granted(streams);
    await worker.end(runId, { kind: 'succeeded', output: { kind: 'streamed', bytes: 5 } });
    const failure = { reason: 'INVALID_OUTPUT', message: 'the output was not written' };
    expect(worker.completed).toMatchObject([{ outcome: { kind: 'failed', retryable: false, failure } }]);
  });

  it('that the store refuses is told to the run', async () => {
    const { worker } = await granted(streams);
    async function* broken(): AsyncGenerator<Uint8Array, Uint8Array> {
      yield new Uint8Array(1);
      throw new TroupeError('STORE_UNAVAILABLE');
    }
    await expect(worker.streams[0]?.write('output', broken())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});
