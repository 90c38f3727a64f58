/** The streams of a run in the process of the node: what a thread may say, and what comes of it in the store. */
import { SecretMask } from '../../../../../src/domain/secret-mask.ts';
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { RunPump } from '../../../../../src/adapters/piscina/node/run-pump.ts';
import type { StreamAsk } from '../../../../../src/adapters/piscina/protocol/stream-messages.ts';
import { payloadPartBytes, type PayloadParts } from '../../../../../src/application/ports/payload-store.ts';
import type { RunRequest, StreamTarget } from '../../../../../src/application/ports/run-pool.ts';
import { damagedPayload } from '../../../../../src/application/storage/damaged-payload.ts';
import { TroupeError } from '../../../../../src/domain/errors.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';

const whole = Buffer.alloc(2 * payloadPartBytes + 3, 'ab');
const pieces = [0, 1, 2].map(
  (at) => new Uint8Array(whole.subarray(at * payloadPartBytes, (at + 1) * payloadPartBytes)),
);
const sha256 = new Uint8Array(createHash('sha256').update(whole).digest());

const request: RunRequest = {
  runId: 'r',
  jobId: 'j' as JobId,
  tenant: 'default',
  attempt: 1,
  handler: 'test.streams',
  input: { kind: 'json', json: '1' },
  executionTimeoutMs: 1_000,
  suspect: false,
};

function pump(outputMaxBytes = 10 * payloadPartBytes) {
  const stored: { readonly to: StreamTarget; readonly bytes: Uint8Array }[] = [];
  const failed: unknown[] = [];
  const released: string[] = [];
  async function write(to: StreamTarget, parts: PayloadParts): Promise<void> {
    const taken: Uint8Array[] = [];
    try {
      for (let next = await parts.next(); next.done !== true; next = await parts.next()) taken.push(next.value);
    } catch (error) {
      failed.push(error);
      throw error;
    }
    stored.push({ to, bytes: Buffer.concat(taken) });
  }
  const made = new RunPump({
    request,
    streams: { read: () => new Promise(() => undefined), write },
    scratch: { reserve: () => Promise.reject(new Error('not wanted')), release: (runId) => void released.push(runId) },
    outputMaxBytes,
    secrets: undefined,
    mask: new SecretMask(),
  });
  const says = async (...asks: readonly StreamAsk[]): Promise<unknown[]> => {
    const answers: unknown[] = [];
    for (const ask of asks) answers.push(await made.answer(ask));
    return answers;
  };
  return { made, says, stored, failed, released };
}

const written = (to: StreamTarget = 'output'): StreamAsk[] => pieces.map((bytes) => ({ kind: 'write', to, bytes }));
const done = { kind: 'done' };
const refused = (more: object): object => expect.objectContaining({ kind: 'refused', ...more }) as object;

it('what came in pieces is in the store when its end is answered, and not before', async () => {
  const { says, stored } = pump();
  expect(await says(...written())).toEqual([done, done, done]);
  expect(stored).toEqual([]);
  expect(await says({ kind: 'finish', to: 'output', bytes: whole.length, sha256 })).toEqual([done]);
  expect(stored.map(({ to, bytes }) => [to, whole.equals(bytes)])).toEqual([['output', true]]);
});

it.each([
  { what: 'another checksum', end: { bytes: whole.length, sha256: new Uint8Array(32) } },
  { what: 'another size', end: { bytes: whole.length - 1, sha256 } },
])('with $what at its end it is not stored, and every attempt would meet the same', async ({ end }) => {
  const { says, stored, failed } = pump();
  await says(...written());
  const [answer] = await says({ kind: 'finish', to: 'output', ...end });
  expect(answer).toEqual(refused({ lasting: true, message: 'not all of the output came' }));
  expect([stored.length, failed.length]).toEqual([0, 1]);
});

it('a piece after the last one, an empty one, and one too many are refused, and nothing is stored', async () => {
  for (const bytes of [new Uint8Array(1), new Uint8Array(0)]) {
    const { says, stored, failed } = pump();
    const answers = await says(...written(), { kind: 'write', to: 'output', bytes });
    expect(answers.at(-1)).toEqual(refused({ message: 'a piece of the output came out of turn' }));
    expect([stored.length, failed.length]).toEqual([0, 1]);
  }
  const { says, failed } = pump(2 * payloadPartBytes);
  expect((await says(...written())).at(-1)).toEqual(refused({ code: 'PAYLOAD_TOO_LARGE', lasting: true }));
  expect(failed).toMatchObject([{ code: 'PAYLOAD_TOO_LARGE' }]);
});

it('what goes wrong in the node itself does not end the job, and what is wrong with the payload does', async () => {
  const answered = async (error: Error, ...asks: readonly StreamAsk[]): Promise<unknown> => {
    const fails = (): Promise<never> => Promise.reject(error);
    const streams = { read: fails, write: fails };
    const scratch = { reserve: fails, release: () => undefined };
    const made = new RunPump({
      request,
      streams,
      scratch,
      outputMaxBytes: payloadPartBytes,
      secrets: undefined,
      mask: new SecretMask(),
    });
    const answers = await Promise.all(asks.map((ask) => made.answer(ask)));
    return answers.map((answer) => answer.kind === 'refused' && answer.lasting);
  };
  const asks: readonly StreamAsk[] = [
    { kind: 'read', of: 'input', offset: 0 },
    { kind: 'write', to: 'output', bytes: new Uint8Array(1) },
    { kind: 'finish', to: 'checkpoint', bytes: 0, sha256: new Uint8Array(createHash('sha256').digest()) },
    { kind: 'place', of: 'input' },
  ];
  expect(await answered(new RangeError('not foreseen'), ...asks)).toEqual([false, false, false, false]);
  expect(await answered(new TroupeError('STORE_UNAVAILABLE'), ...asks)).toEqual([false, false, false, false]);
  expect(await answered(damagedPayload('p'), ...asks)).toEqual([true, true, true, false]);
});

it('an empty one is stored by its end alone', async () => {
  const { says, stored } = pump();
  const nothing = new Uint8Array(createHash('sha256').digest());
  expect(await says({ kind: 'finish', to: 'output', bytes: 0, sha256: nothing })).toEqual([done]);
  expect(stored.map(({ bytes }) => bytes.byteLength)).toEqual([0]);
});

it('a checkpoint may be given up, and others follow; an output beside it is not touched', async () => {
  const { says, stored, failed } = pump();
  const end = { kind: 'finish', bytes: whole.length, sha256 } as const;
  const [first] = written('checkpoint');
  await says(...written(), ...(first ? [first] : []), { kind: 'abandon', to: 'checkpoint' });
  expect(failed).toMatchObject([{ message: 'it was given up' }]);
  for (const to of ['checkpoint', 'checkpoint', 'output'] as const) {
    if (to === 'checkpoint') await says(...written(to));
    expect(await says({ ...end, to })).toEqual([done]);
  }
  expect(stored.map(({ to, bytes }) => [to, whole.equals(bytes)])).toEqual([
    ['checkpoint', true],
    ['checkpoint', true],
    ['output', true],
  ]);
});

it('a thread has four questions open at most, and none once its run has ended', async () => {
  const { made, says, failed, released } = pump();
  await says(...written());
  for (let asked = 0; asked < 4; asked += 1) void made.answer({ kind: 'read', of: 'input', offset: 0 });
  expect(await says({ kind: 'read', of: 'input', offset: 0 })).toEqual([refused({ code: 'OVERLOADED' })]);
  made.close();
  expect(released).toEqual(['r']);
  await expect.poll(() => failed).toMatchObject([{ message: 'the attempt ended before its output was complete' }]);
  const late = pump();
  late.made.close();
  expect(await late.says({ kind: 'finish', to: 'output', bytes: 0, sha256 })).toEqual([
    refused({ code: 'OVERLOADED' }),
  ]);
  expect(late.stored).toEqual([]);
});
