// Payloads through a real gateway on a real socket: what is erased is gone for every reader.
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NodeInfo } from '../../src/application/ports/membership.ts';
import { payloadIds } from '../../src/domain/payload-life.ts';
import type { JobRecord, Payload } from '../../src/domain/job.ts';
import type { JobId } from '../../src/domain/job-id.ts';
import {
  type DownloadOptions,
  type InputSource,
  type JobOptions,
  type TroupeClient,
  TroupeClientError,
} from '../../src/client/index.ts';
import { openConnection } from '../../src/client/connection.ts';
import { type Init, loadContract } from '../../src/contract/codec.ts';
import { createStatusCodec } from '../../src/contract/error-details.ts';
import type { SubmitJobStreamRequest } from '../../src/contract/messages.ts';
import { runCli } from '../../src/cli/main.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';
import { type Edge, openEdge } from './gateway-edge.ts';

let edge: Edge;
let troupe: TroupeClient;

beforeAll(async () => {
  edge = await openEdge();
  troupe = edge.client();
});
afterAll(() => edge.close());

const large = { text: 'x'.repeat(2_000) };
/** A gateway that stops has this long to say so, also on a slow machine; it needs no such time. */
const graceMs = 30_000;

async function succeed(jobId: string, output?: Payload): Promise<void> {
  await edge.apply(jobId, { kind: 'claim', node: 'n1', token: 't' });
  await edge.apply(jobId, { kind: 'report', token: 't', outcome: { kind: 'succeeded', ...(output && { output }) } });
}

async function ended(input: unknown): Promise<{ readonly jobId: string; readonly stored: readonly string[] }> {
  const { jobId } = await troupe.submit('test.echo', input);
  await succeed(jobId, { kind: 'json', json: '{"answer":42}' });
  const record = edge.records.get(jobId as JobId);
  return { jobId, stored: record === undefined ? [] : payloadIds(record) };
}

describe('erasing payloads', () => {
  it('erases inline and stored payloads and says so, and nothing else of the job changes', async () => {
    const { jobId, stored } = await ended(large);
    const before = await troupe.get(jobId);
    expect([before.input, before.output]).toEqual([large, { answer: 42 }]);
    const erased = await troupe.erasePayloads(jobId);
    const { payloadsErasedAt, inputGone, outputGone, ...rest } = await troupe.get(jobId);
    const { input: _input, output: _output, ...kept } = before;
    expect(rest).toEqual(kept);
    expect([inputGone, outputGone, payloadsErasedAt]).toEqual(['erased', 'erased', erased.payloadsErasedAt]);
    expect(await edge.store.payloads.getPayload(stored[0] ?? '')).toBeUndefined();
    expect(await troupe.erasePayloads(jobId)).toMatchObject({ payloadsErasedAt });
    expect(await troupe.wait(jobId)).toMatchObject({ state: 'SUCCEEDED', outputGone: 'erased' });
  });

  it('is refused before the end, and for a job that is not there', async () => {
    const { jobId } = await troupe.submit('test.echo', large);
    await expect(troupe.erasePayloads(jobId)).rejects.toMatchObject({
      code: 'JOB_STATE_FORBIDS',
      metadata: { state: 'QUEUED' },
      message: expect.stringContaining('cancel it first') as string,
    });
    expect(await troupe.get(jobId)).toMatchObject({ input: large });
    const nobody = '01960000-0000-7000-8000-000000000000';
    await expect(troupe.erasePayloads(nobody)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
    await expect(troupe.erasePayloads('x')).rejects.toMatchObject({ violations: [{ field: 'job_id' }] });
  });

  it('that was cut off says that payloads are missing, and is finished by the next one', async () => {
    const { jobId, stored } = await ended(large);
    await troupe.get(jobId);
    for (const id of stored) await edge.store.payloads.deletePayload(id);
    expect(await troupe.get(jobId)).toMatchObject({ inputGone: 'missing', output: { answer: 42 } });
    await troupe.erasePayloads(jobId);
    expect(await troupe.get(jobId)).toMatchObject({ inputGone: 'erased', outputGone: 'erased' });
  });

  it('makes every gateway drop its copy, also when the call before did not get so far', async () => {
    const told: JobRecord[] = [];
    const info = (nodeId: string, roles: NodeInfo['roles']): NodeInfo => ({
      ...{
        nodeId,
        roles,
        incarnation: 1,
        weight: 1,
        slots: 0,
        draining: false,
        workerClass: 'default',
        version: '1',
        handlers: [],
      },
    });
    const answers = { forgetPayloads: (record: JobRecord) => (told.push(record), null) };
    edge.nodes.set('g2', { info: info('g2', ['gateway']), answers });
    edge.nodes.set('silent', { info: info('silent', ['gateway']), answers: {} });
    edge.nodes.set('w1', { info: info('w1', ['workers']), answers });
    const { jobId } = await ended(1);
    await troupe.erasePayloads(jobId);
    await troupe.erasePayloads(jobId);
    edge.nodes.clear();
    expect(told).toMatchObject([1, 2].map(() => ({ id: jobId, output: { kind: 'erased' } })));
  });

  it('leaves nothing to repeat but with a new input, and a repeated submit brings nothing back', async () => {
    const submit = () => troupe.submit('test.echo', large, { idempotencyKey: 'erased' });
    const { jobId } = await submit();
    await succeed(jobId);
    const [stored = ''] = payloadIds(edge.records.get(jobId as JobId) ?? ({} as JobRecord));
    await troupe.erasePayloads(jobId);
    await expect(troupe.retry(jobId)).rejects.toMatchObject({ code: 'PAYLOAD_GONE', metadata: { why: 'erased' } });
    expect(await troupe.retry(jobId, { input: 1 })).toMatchObject({ duplicate: false });
    expect(await submit()).toMatchObject({ jobId, duplicate: true });
    expect(await edge.store.payloads.getPayload(stored)).toBeUndefined();
  });

  it('has a verb of the command', async () => {
    const { jobId } = await ended(1);
    const run = async (...args: readonly string[]) => {
      const terminal = recordedTerminal({});
      const code = await runCli([...args, '--address', `127.0.0.1:${edge.port}`], { terminal });
      return { code, ...terminal.written };
    };
    expect(await run('erase', jobId)).toMatchObject({ code: 0, out: `${jobId}  SUCCEEDED, payloads erased\n` });
    expect((await run('get', jobId)).out).toMatch(/^output +gone: erased$/m);
    expect(await run('get', jobId, '--output', '/dev/null')).toMatchObject({ code: 2 });
    const open = await troupe.submit('test.echo', 1);
    expect((await run('erase', open.jobId)).code).toBe(5);
  });
});

describe('download', () => {
  async function downloaded(jobId: string, options: DownloadOptions = {}): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    for await (const piece of troupe.download(jobId, options)) pieces.push(piece);
    expect(pieces.every(({ byteLength }) => byteLength <= 256 * 1_024)).toBe(true);
    return Buffer.concat(pieces);
  }

  async function endedWith(bytes: Buffer): Promise<string> {
    const { jobId } = await troupe.submit('test.echo', large);
    const id = `out-${jobId}`;
    await edge.store.payloads.putPayload({ name: id, bytes, expiresAtMs: Date.now() + 600_000 });
    await succeed(jobId, { kind: 'ref', id, bytes: bytes.byteLength, encoding: 'bytes' });
    return jobId;
  }

  it('brings inputs and outputs of any size, byte for byte', async () => {
    const bytes = randomBytes(3_000_001);
    const jobId = await endedWith(bytes);
    expect((await downloaded(jobId)).equals(bytes)).toBe(true);
    expect(JSON.parse((await downloaded(jobId, { payload: 'input' })).toString())).toEqual(large);
    const small = await ended(1);
    expect((await downloaded(small.jobId)).toString()).toBe('{"answer":42}');
    expect((await downloaded(small.jobId, { payload: 'input' })).toString()).toBe('1');
    expect((await downloaded(await endedWith(Buffer.alloc(0)))).byteLength).toBe(0);
  });

  it('goes on where a broken connection left it, also through another gateway', async () => {
    const bytes = randomBytes(2_500_000);
    const jobId = await endedWith(bytes);
    const { gateway, port } = await edge.openGateway();
    const client = edge.client({ address: `127.0.0.1:${port}`, retry: { initialMs: 1 } });
    const pieces: Uint8Array[] = [];
    for await (const piece of client.download(jobId)) {
      pieces.push(piece);
      if (pieces.length !== 3) continue;
      await gateway.stop(0);
      await edge.openGateway({ port });
    }
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
  });

  it('that a stopping gateway cuts off has not ended well', async () => {
    const jobId = await endedWith(randomBytes(8_000_000));
    const { gateway, port } = await edge.openGateway();
    const contract = loadContract();
    const connection = openConnection({ address: `127.0.0.1:${port}` }, createStatusCodec(contract));
    const read = async (): Promise<number> => {
      let messages = 0;
      for await (const _ of connection.stream(contract.jobs.DownloadPayload, { jobId })) {
        messages += 1;
        if (messages === 2) await gateway.stop(graceMs);
      }
      return messages;
    };
    await expect(read()).rejects.toMatchObject({ code: 'SHUTTING_DOWN', outcome: 'none' });
    connection.close();
  });

  it('holds no more than some parts in memory for a reader that is slow', async () => {
    let read = 0;
    const { payloads } = edge.store;
    const openPayload = payloads.openPayload.bind(payloads);
    const jobId = await endedWith(Buffer.alloc(24 * 1_048_576));
    Object.assign(payloads, {
      openPayload: async (id: string) => {
        const opened = await openPayload(id);
        return (
          opened && {
            ...opened,
            async *readFrom(offset: number) {
              for await (const piece of opened.readFrom(offset)) {
                read += 1;
                yield piece;
              }
            },
          }
        );
      },
    });
    const pieces = troupe.download(jobId);
    for (let taken = 0; taken < 4; taken += 1) await pieces.next();
    const held = read;
    let rest = 0;
    for await (const piece of pieces) rest += piece.byteLength;
    Object.assign(payloads, { openPayload });
    expect(held).toBeLessThan(12);
    expect([read, rest > 20 * 1_048_576]).toEqual([24, true]);
  });

  it('is refused with the reason when there is nothing to bring', async () => {
    const { jobId } = await troupe.submit('test.echo', 1);
    await expect(downloaded(jobId)).rejects.toMatchObject({ code: 'JOB_STATE_FORBIDS', metadata: { state: 'QUEUED' } });
    const erased = await ended(large);
    await troupe.erasePayloads(erased.jobId);
    const gone = { code: 'PAYLOAD_GONE', metadata: { why: 'erased' } };
    await expect(downloaded(erased.jobId)).rejects.toMatchObject(gone);
    const lost = await ended(large);
    for (const id of lost.stored) await edge.store.payloads.deletePayload(id);
    await expect(downloaded(lost.jobId, { payload: 'input' })).rejects.toMatchObject({ metadata: { why: 'missing' } });
    await expect(downloaded('01960000-0000-7000-8000-000000000000')).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  it('brings what is too large for an answer, which tells its size instead', async () => {
    const bytes = Buffer.alloc(16 * 1_048_576 + 1, 'z');
    const jobId = await endedWith(bytes);
    const { output, outputGone, outputLargeBytes } = await troupe.get(jobId);
    expect([output, outputGone, outputLargeBytes]).toEqual([undefined, undefined, bytes.byteLength]);
    expect((await troupe.wait(jobId)).outputLargeBytes).toBe(bytes.byteLength);
    expect((await downloaded(jobId)).equals(bytes)).toBe(true);
    const terminal = recordedTerminal({});
    const address = ['--address', `127.0.0.1:${edge.port}`];
    expect(await runCli(['get', jobId, ...address], { terminal })).toBe(0);
    expect(terminal.written.out).toContain(`${bytes.byteLength} bytes: troupe output ${jobId} --to FILE`);
    expect(await runCli(['get', jobId, '--output', 'never', ...address], { terminal })).toBe(2);
    const most = await endedWith(bytes.subarray(1));
    expect((await troupe.get(most)).output).toHaveLength(bytes.byteLength - 1);
  });

  it('has a verb of the command, which leaves no half file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'troupe-output-'));
    const run = async (...args: readonly string[]) => {
      const terminal = recordedTerminal({});
      return runCli(['output', ...args, '--address', `127.0.0.1:${edge.port}`], { terminal });
    };
    const bytes = randomBytes(1_500_000);
    const [file, none] = [join(folder, 'o'), join(folder, 'none')];
    expect(await run(await endedWith(bytes), '--to', file)).toBe(0);
    expect(readFileSync(file).equals(bytes)).toBe(true);
    const { jobId } = await troupe.submit('test.echo', 1);
    expect(await run(jobId, '--to', none)).toBe(5);
    expect(readdirSync(folder)).toEqual(['o']);
    rmSync(folder, { recursive: true });
  });
});

describe('a payload retention', () => {
  const hourMs = 3_600_000;

  it('comes from the job, else from the queue, and is never longer than the retention', async () => {
    const settings = { retentionMs: 24 * hourMs, payloadRetentionMs: hourMs };
    expect(await troupe.queues.create('short', settings)).toMatchObject({ settings });
    const kept = async (options: JobOptions) => {
      const { jobId } = await troupe.submit('test.echo', 1, { queue: 'short', ...options });
      const { payloadRetentionMs, payloadsExpireAt, createdAt } = await troupe.get(jobId);
      return [payloadRetentionMs, payloadsExpireAt && payloadsExpireAt.getTime() - createdAt.getTime()];
    };
    expect(await kept({})).toEqual([hourMs, hourMs]);
    expect(await kept({ payloadRetentionMs: 2 * hourMs })).toEqual([2 * hourMs, 2 * hourMs]);
    expect(await kept({ retentionMs: hourMs / 2 })).toEqual([hourMs / 2, undefined]);
    expect(await kept({ queue: 'default' })).toEqual([168 * hourMs, undefined]);
    const runAt = new Date(Date.now() + 30 * hourMs);
    const [aheadMs] = await kept({ runAt });
    expect(aheadMs).toBeGreaterThan(30 * hourMs);
    expect(aheadMs).toBeLessThanOrEqual(31 * hourMs);
    const late = { violations: [{ field: 'job.run_time' }] };
    await expect(kept({ runAt, payloadRetentionMs: hourMs })).rejects.toMatchObject(late);
    const tooLong = { violations: [{ field: 'settings.payload_retention' }] };
    await expect(troupe.queues.create('bad', { payloadRetentionMs: 169 * hourMs })).rejects.toMatchObject(tooLong);
    await expect(troupe.queues.update('short', 1, { retentionMs: hourMs / 2 })).rejects.toMatchObject(tooLong);
    await expect(troupe.submit('test.echo', 1, { payloadRetentionMs: 169 * hourMs })).rejects.toMatchObject({
      violations: [{ field: 'job.payload_retention' }],
    });
  });

  it('that is over leaves the job without its payloads, which is no error', async () => {
    const { jobId } = await troupe.submit('test.echo', 1, { payloadRetentionMs: hourMs });
    await succeed(jobId, { kind: 'json', json: '1' });
    const record = edge.records.get(jobId as JobId);
    if (record) edge.records.set(record.id, { ...record, createdAtMs: record.createdAtMs - hourMs });
    const gone = { state: 'SUCCEEDED', inputGone: 'expired', outputGone: 'expired' };
    expect(await troupe.get(jobId)).toMatchObject(gone);
    expect(await troupe.wait(jobId)).toMatchObject({ outputGone: 'expired' });
    await expect(troupe.retry(jobId)).rejects.toMatchObject({ code: 'PAYLOAD_GONE', metadata: { why: 'expired' } });
  });
});

describe('a streamed submit', () => {
  const bytes = randomBytes(60_000);
  async function* piecesOf(whole: Uint8Array, each = 7_000): AsyncGenerator<Uint8Array, void> {
    for (let from = 0; from < whole.byteLength; from += each) yield whole.subarray(from, from + each);
  }
  const stream = (handler = 'test.echo', more: Partial<InputSource> = {}, options: JobOptions = {}) =>
    troupe.submitStream(handler, { bytes: bytes.byteLength, open: () => piecesOf(bytes), ...more }, options);

  it('is a job with this input, byte by byte', async () => {
    const { jobId } = await stream();
    expect(edge.records.get(jobId as JobId)?.spec.input).toMatchObject({ kind: 'ref', bytes: bytes.byteLength });
    const pieces: Uint8Array[] = [];
    for await (const piece of troupe.download(jobId, { payload: 'input' })) pieces.push(piece);
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
  });

  it('of a key is the same job again, streamed or not; with other bytes it is a conflict', async () => {
    const idempotencyKey = randomUUID();
    const first = await stream('test.echo', {}, { idempotencyKey });
    expect(await stream('test.echo', {}, { idempotencyKey })).toMatchObject({ jobId: first.jobId, duplicate: true });
    const plain = await troupe.submit('test.echo', bytes, { idempotencyKey });
    expect(plain).toMatchObject({ jobId: first.jobId, duplicate: true });
    const other = { open: () => piecesOf(randomBytes(bytes.byteLength)) };
    await expect(stream('test.echo', other, { idempotencyKey })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
  });

  it('that is refused is refused before its bytes are asked for; one that is not whole leaves no job', async () => {
    let opened = 0;
    const endless = async function* (): AsyncGenerator<Uint8Array, void> {
      for (;;) {
        opened += 1;
        yield bytes;
      }
    };
    const before = edge.records.size;
    await expect(stream('test.none', { open: endless })).rejects.toMatchObject({ code: 'UNKNOWN_HANDLER' });
    const size = { bytes: 2 ** 40 };
    await expect(stream('test.echo', { ...size, open: endless })).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    // 16 that gRPC takes ahead at each end, of both calls, and some on their way.
    expect(opened).toBeLessThan(80);
    const tooMany = stream('test.echo', { open: endless });
    await expect(tooMany).rejects.toMatchObject({ violations: [{ field: 'open.input_size_bytes' }] });
    const tooFew = stream('test.echo', { open: () => piecesOf(bytes.subarray(1)) });
    await expect(tooFew).rejects.toMatchObject({ violations: [{ field: 'open.input_size_bytes' }] });
    const fails = async function* (): AsyncGenerator<Uint8Array, void> {
      yield bytes.subarray(0, 30_000);
      throw new Error('the disk is gone');
    };
    await expect(stream('test.echo', { open: fails })).rejects.toThrow('the disk is gone');
    expect(edge.records.size).toBe(before);
  });

  it('is cut by a gateway that stops: no job, and begun anew elsewhere', async () => {
    const whole = randomBytes(50_000);
    const { gateway, port } = await edge.openGateway();
    const before = edge.records.size;
    const { payloads } = edge.store;
    const writePayload = payloads.writePayload.bind(payloads);
    let begun = Promise.withResolvers<undefined>();
    Object.assign(payloads, {
      writePayload: (...args: Parameters<typeof writePayload>) => {
        // Not what an earlier test has left on its way.
        if (args[0].bytes === whole.byteLength) begun.resolve(undefined);
        return writePayload(...args);
      },
    });
    const stops = async function* (): AsyncGenerator<Uint8Array, void> {
      yield whole.subarray(0, 100);
      await begun.promise;
      await gateway.stop(graceMs);
      yield whole.subarray(100);
    };
    const client = edge.client({ address: `127.0.0.1:${port}`, retry: { maxAttempts: 1 } });
    const cut = client.submitStream('test.echo', { bytes: whole.byteLength, open: stops });
    await expect(cut).rejects.toMatchObject({ code: 'SHUTTING_DOWN', retryable: true, outcome: 'none' });
    expect(edge.records.size).toBe(before);
    const retrying = edge.client({ address: `127.0.0.1:${port}`, retry: { initialMs: 1 } });
    let opened = 0;
    const again = async function* (): AsyncGenerator<Uint8Array, void> {
      opened += 1;
      yield* opened === 1 ? stopsSecond() : piecesOf(whole);
    };
    begun = Promise.withResolvers();
    const second = await edge.openGateway({ port });
    const stopsSecond = async function* (): AsyncGenerator<Uint8Array, void> {
      yield whole.subarray(0, 100);
      await begun.promise;
      await second.gateway.stop(0);
      await edge.openGateway({ port });
      yield whole.subarray(100);
    };
    const { duplicate } = await retrying.submitStream('test.echo', { bytes: whole.byteLength, open: again });
    expect([opened, duplicate, edge.records.size]).toEqual([2, false, before + 1]);
    Object.assign(payloads, { writePayload });
  });

  it('is ended by its signal', async () => {
    const leaving = new AbortController();
    const reason = async function* (): AsyncGenerator<Uint8Array, void> {
      yield bytes.subarray(0, 100);
      leaving.abort();
      await new Promise(() => undefined);
    };
    const source = { bytes: 200, open: reason };
    await expect(troupe.submitStream('test.echo', source, { signal: leaving.signal })).rejects.toMatchObject({
      code: 'CALL_CANCELLED',
    });
  });
});

describe('the messages of a streamed submit', () => {
  const contract = loadContract();
  const submit = { job: { handler: 'test.echo' } };
  type Message = Init<SubmitJobStreamRequest>;
  const fieldOf = async (...messages: readonly Message[]): Promise<unknown> => {
    const connection = openConnection({ address: `127.0.0.1:${edge.port}` }, createStatusCodec(contract));
    async function* all(): AsyncGenerator<Message, void> {
      yield* messages;
    }
    try {
      await connection.upload(contract.jobs.SubmitJobStream, all(), { timeoutMs: 30_000 });
      return undefined;
    } catch (error) {
      return error instanceof TroupeClientError ? error.violations.map(({ field }) => field) : error;
    } finally {
      connection.close();
    }
  };

  it('come in order, each of a bounded size, else the field is named', async () => {
    const open = { submit, inputSizeBytes: 300_000 };
    const small = { submit, inputSizeBytes: 1 };
    const chunk = new Uint8Array(1);
    expect(await fieldOf()).toEqual(['open']);
    expect(await fieldOf({ chunk })).toEqual(['open']);
    expect(await fieldOf({ open: { inputSizeBytes: 1 } })).toEqual(['open.submit']);
    expect(await fieldOf({ open: { ...small, submit: { job: { ...submit.job, input: { json: '1' } } } } })).toEqual([
      'open.submit.job.input',
    ]);
    expect(await fieldOf({ open: { submit, inputSizeBytes: -1 } })).toEqual(['open.input_size_bytes']);
    expect(await fieldOf({ open: small }, { open })).toEqual(['part']);
    expect(await fieldOf({ open: small }, {})).toEqual(['part']);
    expect(await fieldOf({ open: small }, { chunk: new Uint8Array(2) })).toEqual(['open.input_size_bytes']);
    expect(await fieldOf({ open: small }, { chunk: new Uint8Array(262_145) })).toEqual(['chunk']);
    expect(await fieldOf({ open: small }, { chunk }, { sha256: new Uint8Array(32) })).toEqual(['sha256']);
    expect(await fieldOf({ open: small }, { chunk })).toBeUndefined();
  });
});
