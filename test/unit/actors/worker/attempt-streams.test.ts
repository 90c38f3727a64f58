/** Payloads of an attempt that go piece by piece: what the worker asks the store for, and what is left in it. */
import { describe, expect, it } from 'vitest';
import { runIdOf } from '../../../../src/actors/worker/node-attempt.ts';
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

const streams = (worker: WorkerHarness): void =>
  worker.handlers.replace([{ name: 'test.echo', version: '1.4.0', inputStreamed: true }]);

async function* parts(...bytes: readonly number[]): AsyncGenerator<Uint8Array, Uint8Array> {
  for (const size of bytes) yield new Uint8Array(size);
  return new Uint8Array(32);
}

describe('an input', () => {
  it('of a handler that streams is opened, never loaded, and read as the run asks for it', async () => {
    const { worker } = await granted(streams);
    expect(worker.loaded).toEqual([]);
    expect(worker.handed).toMatchObject([{ input: { kind: 'streamed', bytes: 3_000 } }]);
    expect((await worker.streams[0]?.readInput(1_000))?.byteLength).toBe(2_000);
  });

  it('of another handler is loaded, and one above what a handler gets whole is not', async () => {
    const { worker } = await granted(() => undefined);
    expect([worker.loaded, worker.handed[0]?.input.kind]).toEqual([['in'], 'bytes']);
    const larger = await granted((harness) => {
      harness.spec = { ...harness.spec, input: { ...input, bytes: 17 * 1_048_576 } };
    });
    expect([larger.worker.loaded, larger.worker.handed[0]?.input.kind]).toEqual([[], 'streamed']);
  });

  it('is asked for again while the store does not answer, until the run ends', async () => {
    const { worker, runId } = await granted(streams);
    worker.payloadStore = 'away';
    let read: Uint8Array | Error | undefined;
    const ask = (): void =>
      void worker.streams[0]?.readInput(0).then(
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

describe('an output', () => {
  it('is named by the report, under the token of the attempt, and was written before', async () => {
    const { worker, runId, outputName } = await granted(streams);
    await worker.streams[0]?.writeOutput(parts(5));
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
    await worker.streams[0]?.writeOutput(parts(5));
    await worker.end(runId, outcome);
    expect(worker.payloads.has(outputName)).toBe(false);
    expect(worker.completed).not.toMatchObject([{ outcome: { output: { kind: 'ref' } } }]);
  });

  it('of an attempt that no longer holds its job is removed, and nothing is reported', async () => {
    const { worker, runId, outputName } = await granted(streams);
    await worker.streams[0]?.writeOutput(parts(5));
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
    const written = worker.streams[0]?.writeOutput(slow());
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
    await expect(worker.streams[0]?.writeOutput(broken())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});
