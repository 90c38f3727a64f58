/** Attempts of sealed jobs in virtual time: what leaves the node, what waits while the keys are away, what is damaged for good. */
import { expect, it } from 'vitest';
import { KeyWaits, keyWaitsMax } from '../../../../src/actors/worker/key-wait.ts';
import { RunSeal } from '../../../../src/actors/worker/run-seal.ts';
import { keysAway } from '../../../../src/adapters/keys/key-errors.ts';
import { runIdOf } from '../../../../src/actors/worker/node-attempt.ts';
import { openFailure, openLine, openNote, payloadOwner } from '../../../../src/application/sealing/job-seals.ts';
import { openSealed, openSealedParts, sealWhole } from '../../../../src/application/sealing/sealed-payloads.ts';
import type { Sealing } from '../../../../src/application/sealing/sealing.ts';
import { isSealed, type JobSpec, type Payload } from '../../../../src/domain/job.ts';
import { testSpec } from '../../../support/jobs.ts';
import { createMemoryPayloads, createTestKeys, createTestSealing } from '../../../support/sealing.ts';
import { createWorkerHarness, harnessToken, type WorkerHarness } from '../../../support/worker-harness.ts';
import { createManualClock } from '../../application/manual-clock.ts';

const word = 'canary';
const input = { kind: 'json', json: `{"said":"${word}"}` } as const;

interface Sealed {
  readonly worker: WorkerHarness;
  readonly keys: ReturnType<typeof createTestKeys>;
  readonly sealing: ReturnType<typeof createTestSealing>;
  readonly spec: JobSpec;
}

/** The worker seals because the input is sealed, and not because it was told to. */
async function setUp(requires: Sealing['requires'] = () => false, keys = createTestKeys()): Promise<Sealed> {
  // Its own clock stands still, so that a service which was away is asked again at once.
  const clock = createManualClock();
  const sealing = createTestSealing(
    keys,
    { monotonicMs: () => (clock.advance(1_001), clock.monotonicMs()) },
    { requires },
  );
  const worker = await createWorkerHarness(2, {}, sealing);
  const spec = testSpec({ input: await sealedInput(sealing, testSpec()) });
  worker.spec = spec;
  return { worker, keys, sealing, spec };
}

async function sealedInput(sealing: Sealing, spec: JobSpec): Promise<Payload> {
  const owner = payloadOwner({ id: '', spec }, 'input');
  const whole = await sealWhole(await sealing.sealer(spec.tenant), owner, input, 1_024);
  return whole.kind === 'inline' ? whole.payload : expect.fail('it is small');
}

async function begun({ worker }: Sealed): Promise<{ readonly jobId: string; readonly runId: string }> {
  const { message } = await worker.offer(1);
  await worker.kit.settle();
  return { jobId: message.jobId, runId: runIdOf(message.jobId, harnessToken) };
}

it('gives the handler its input, and lets nothing out that it does not seal', async () => {
  const sealed = await setUp();
  const { worker, sealing, spec } = sealed;
  const { jobId, runId } = await begun(sealed);
  const job = { id: jobId, spec };
  expect(worker.handed).toMatchObject([{ input, hidesTexts: true }]);
  worker.runs.tell({ kind: 'progress', runId, fraction: 0.5, note: `note ${word}` });
  worker.runs.tell({ kind: 'log', runId, level: 'info', text: `line ${word}` });
  const saved = { kind: 'json', json: `"saved ${word}"` } as const;
  worker.runs.tell({ kind: 'checkpoint', runId, number: 1, payload: saved });
  await worker.kit.advance(3_000);
  const stack = `stack ${word}`;
  const failure = {
    reason: 'HANDLER_FAILED',
    code: 'C',
    message: `message ${word}`,
    causes: [{ message: word }],
    stack,
  } as const;
  await worker.end(runId, { kind: 'failed', retryable: true, failure });
  const { notes, beats, logs, checkpoints, completed } = worker;
  expect([notes, logs, checkpoints, completed].map(({ length }) => length)).toEqual([1, 1, 1, 1]);
  expect(JSON.stringify({ notes, beats, logs, checkpoints, completed })).not.toContain(word);
  expect(notes).toMatchObject([{ fraction: 0.5, note: '' }]);
  expect(await openNote(sealing, job, notes[0]?.sealedNote ?? '')).toBe(`note ${word}`);
  expect(beats.at(-1)?.runs).toMatchObject([{ progress: 0.5, note: '', sealedNote: notes[0]?.sealedNote }]);
  const [line] = logs[0]?.lines ?? [];
  expect(line).toMatchObject({ number: 1, text: '', level: 'info' });
  expect(await openLine(sealing, job, { attempt: 1, number: 1, sealed: line?.sealed ?? '' })).toBe(`line ${word}`);
  await expect(openLine(sealing, job, { attempt: 1, number: 2, sealed: line?.sealed ?? '' })).rejects.toThrow();
  expect(await opened(sealing, job, 'checkpoint', checkpoints[0]?.payload)).toEqual(saved);
  expect(checkpoints[0]?.bytes).toBe(saved.json.length);
  const [report] = completed;
  const outcome = report?.outcome.kind === 'failed' ? report.outcome : expect.fail('it has failed');
  expect(outcome).toMatchObject({ retryable: true, failure: { reason: 'HANDLER_FAILED', code: 'C' } });
  expect(await openFailure(sealing, job, outcome.failure)).toEqual(failure);
  expect(await opened(sealing, job, 'log', report?.log)).toMatchObject({ kind: 'json' });
});

function opened(
  sealing: Sealing,
  job: { readonly id: string; readonly spec: JobSpec },
  kind: 'checkpoint' | 'log' | 'output',
  payload: Payload | undefined,
  payloads = createMemoryPayloads(),
) {
  if (payload === undefined || !isSealed(payload)) return expect.fail(`not sealed: ${payload?.kind}`);
  return openSealed({ sealing, payloads }, payloadOwner(job, kind), payload);
}

it('a job of a tenant that requires it is sealed also if its input is not', async () => {
  const sealed = await setUp(() => Promise.resolve(true));
  sealed.worker.spec = testSpec({ input });
  const { runId } = await begun(sealed);
  await sealed.worker.end(runId, { kind: 'succeeded', output: input });
  expect(sealed.worker.completed).toMatchObject([{ outcome: { kind: 'succeeded', output: { kind: 'sealed' } } }]);
});

it('an output that is written again has the same bytes', async () => {
  const sealed = await setUp();
  const { worker, sealing, spec } = sealed;
  const { jobId, runId } = await begun(sealed);
  const output = { kind: 'bytes', bytes: new Uint8Array(5_000).fill(7) } as const;
  worker.payloadStore = 'away';
  await worker.end(runId, { kind: 'succeeded', output });
  await worker.kit.advance(1_000);
  const stored = createMemoryPayloads();
  worker.payloadStore = 'up';
  await worker.kit.advance(5_000);
  expect(worker.completed).toHaveLength(1);
  for (const [id, bytes] of worker.payloads) stored.stored.set(id, bytes);
  const [{ outcome } = expect.fail('no report')] = worker.completed;
  const payload = outcome.kind === 'succeeded' ? outcome.output : undefined;
  expect(await opened(sealing, { id: jobId, spec }, 'output', payload, stored)).toEqual({
    kind: 'bytes',
    bytes: Buffer.from(output.bytes),
  });
});

it('keeps one sealed payload of each kind until it is stored, however many checkpoints there are', async () => {
  const { sealing, spec } = await setUp();
  const seal = new RunSeal(sealing, { id: 'job', spec });
  const sealed = async (kind: 'checkpoint' | 'output', name: string, bytes = 5_000) => {
    const payload = { kind: 'bytes', bytes: new Uint8Array(bytes) } as const;
    return seal.whole(payload, { kind, name, inlineMaxBytes: 1_024 });
  };
  for (const bytes of [5_000, 10]) {
    const [first, output] = [await sealed('checkpoint', 'one', bytes), await sealed('output', 'one', bytes)];
    expect(await sealed('checkpoint', 'one', bytes)).toBe(first);
    // The former one is forgotten: nobody writes it any more.
    const second = await sealed('checkpoint', 'two', bytes);
    seal.stored('checkpoint', 'one');
    expect(await sealed('checkpoint', 'two', bytes)).toBe(second);
    expect(await sealed('checkpoint', 'one', bytes)).not.toBe(first);
    expect(await sealed('output', 'one', bytes)).toBe(output);
    seal.stored('output', 'one');
    expect(await sealed('output', 'one', bytes)).not.toBe(output);
    seal.stored('output', 'one');
    seal.stored('checkpoint', 'one');
  }
});

it('waits while the keys are away, and begins when they are back', async () => {
  const sealed = await setUp();
  sealed.keys.isAway = true;
  // The key that it has is of another process.
  const { worker } = sealed;
  worker.spec = testSpec({
    input: await sealedInput(createTestSealing(await awayKeys(sealed), createManualClock()), testSpec()),
  });
  await begun(sealed);
  await worker.kit.advance(20_000);
  expect([worker.handed, worker.completed]).toEqual([[], []]);
  // Its shard hears of it all the time, so nobody takes it for lost.
  expect(worker.beats.length).toBeGreaterThan(5);
  // It hears why, too.
  expect(worker.beats.at(-1)).toMatchObject({ runs: [{ waitsForKeys: true }] });
  sealed.keys.isAway = false;
  await worker.kit.advance(5_000);
  expect(worker.handed).toMatchObject([{ input }]);
  expect(worker.beats.at(-1)?.runs[0]).not.toHaveProperty('waitsForKeys');
});

const away = 'away';
const slow = 'slow';

/** A worker with two slots. The keys of its default tenant are away, or are asked and do not answer; those of others are there. */
async function withoutKeysOfOneTenant(how: typeof away | typeof slow): Promise<Sealed & { back(): void }> {
  const keys = createTestKeys();
  let isBack = false;
  const { unwrap } = keys;
  const sealed = await setUp(undefined, {
    ...keys,
    unwrap: async (wrapped, tenant) => {
      if (isBack || tenant !== 'default') return unwrap(wrapped, tenant);
      return how === slow ? new Promise(() => undefined) : Promise.reject(keysAway('no-key', 'denied'));
    },
  });
  const others = createTestSealing(await awayKeys({ keys }), createManualClock());
  sealed.worker.spec = testSpec({ input: await sealedInput(others, testSpec()) });
  return { ...sealed, back: () => (isBack = true) };
}

/** The queue is empty: the pullers wait, and hold no slot. */
async function emptied({ pulls, kit }: WorkerHarness): Promise<void> {
  for (const { expiresMs, resolve } of pulls.splice(0)) if (expiresMs === 0) resolve([]);
  await kit.settle();
}

it.each([away, slow] as const)('holds no slot while the keys are %s, so those of other tenants begin', async (how) => {
  const { worker } = await withoutKeysOfOneTenant(how);
  await worker.offer(1);
  await worker.offer(2);
  await worker.kit.advance(300);
  await emptied(worker);
  expect([worker.handed, worker.slots.free]).toEqual([[], 2]);
  worker.spec = testSpec({ tenant: 'other', input });
  await worker.offer(3, { tenant: 'other' });
  expect(worker.handed).toMatchObject([{ tenant: 'other' }]);
  await worker.kit.advance(2_000);
  expect(worker.beats.at(-1)?.runs.filter(({ waitsForKeys }) => waitsForKeys === true)).toHaveLength(2);
});

it('goes back into its queue if others have all slots when the keys are back', async () => {
  const { worker, back } = await withoutKeysOfOneTenant(away);
  for (const unique of [1, 2]) await worker.offer(unique);
  const { spec } = worker;
  worker.spec = testSpec({ tenant: 'other', input });
  await worker.offer(3, { tenant: 'other' });
  worker.spec = spec;
  await emptied(worker);
  back();
  await worker.kit.advance(3_000);
  expect(worker.handed.map(({ tenant }) => tenant)).toEqual(['other', 'default']);
  expect(worker.completed).toMatchObject([{ outcome: { kind: 'released' } }]);
  expect(worker.slots.reserved).toBe(0);
});

it('a tenant has a bounded number that wait; its further work goes back unclaimed until some of them end', async () => {
  const { worker } = await withoutKeysOfOneTenant(away);
  for (let unique = 1; unique <= keyWaitsMax.ofTenant + 3; unique += 1) await worker.offer(unique);
  expect(worker.claims).toHaveLength(keyWaitsMax.ofTenant);
  expect(worker.givenBack).toHaveLength(3);
  for (const { delayMs = 0 } of worker.givenBack) expect(delayMs).toBeGreaterThanOrEqual(2_000);
  worker.spec = testSpec({ tenant: 'other', input });
  await worker.offer(100, { tenant: 'other' });
  expect(worker.handed).toMatchObject([{ tenant: 'other' }]);
  await worker.kit.advance(35_000);
  expect(worker.completed).toHaveLength(keyWaitsMax.ofTenant);
  await worker.offer(101);
  expect(worker.claims).toHaveLength(keyWaitsMax.ofTenant + 2);
});

it('of all tenants so many wait on a node, and one of each in any case', () => {
  const waits = new KeyWaits();
  for (let one = 0; one < keyWaitsMax.ofNode; one += 1) waits.begin(`tenant-${one}`);
  expect([waits.isFull('tenant-0'), waits.isFull('new')]).toEqual([true, false]);
  waits.end('tenant-1');
  expect([waits.isFull('tenant-0'), waits.isFull('tenant-1')]).toEqual([false, false]);
});

/** The same keys, for a process that has them. */
async function awayKeys({ keys }: Pick<Sealed, 'keys'>) {
  return createTestKeys(keys.lines);
}

it('is released when the keys stay away, and at once when it is cancelled', async () => {
  for (const isCancelled of [false, true]) {
    const sealed = await setUp();
    const { worker } = sealed;
    sealed.keys.isAway = true;
    worker.spec = testSpec({
      input: await sealedInput(createTestSealing(await awayKeys(sealed), createManualClock()), testSpec()),
    });
    const { runId } = await begun(sealed);
    if (isCancelled) worker.runs.tell({ kind: 'stop-run', runId, why: 'cancel' });
    await worker.kit.advance(isCancelled ? 3_000 : 29_000);
    expect(worker.completed).toHaveLength(isCancelled ? 1 : 0);
    await worker.kit.advance(5_000);
    expect(worker.completed).toMatchObject([{ outcome: { kind: 'released' } }]);
    expect(worker.handed).toEqual([]);
    expect(worker.slots.free).toBeGreaterThan(0);
  }
});

it('a report waits for a key, and is never sent without', async () => {
  const sealed = await setUp();
  const { worker, keys, sealing } = sealed;
  const { runId } = await begun(sealed);
  keys.isAway = true;
  // The data key of the process has ended meanwhile.
  Object.assign((await sealing.keys.current('default')).key, { bornMs: -Infinity });
  await worker.end(runId, { kind: 'succeeded', output: input });
  await worker.kit.advance(60_000);
  expect(worker.completed).toEqual([]);
  keys.isAway = false;
  await worker.kit.advance(5_000);
  expect(worker.completed).toMatchObject([{ outcome: { kind: 'succeeded', output: { kind: 'sealed' } } }]);
});

it.each([
  ['was changed', (spec: JobSpec) => ({ ...spec, input: changed(spec.input) })],
  ['is of another handler', (spec: JobSpec) => ({ ...spec, handler: 'test.other' })],
  ['is of another queue', (spec: JobSpec) => ({ ...spec, queue: 'other' })],
])('an input that %s ends the job for good, and says nothing of it', async (_, change) => {
  const sealed = await setUp();
  const { worker, sealing, spec } = sealed;
  worker.handlers.replace([
    { name: 'test.echo', version: '1.4.0' },
    { name: 'test.other', version: '1.4.0' },
  ]);
  worker.spec = change(spec);
  const { jobId } = await begun(sealed);
  expect(worker.handed).toEqual([]);
  expect(worker.completed).toMatchObject([
    { outcome: { kind: 'failed', retryable: false, failure: { reason: 'PAYLOAD_DAMAGED' } } },
  ]);
  expect(sealing.refused).toEqual(['input']);
  expect(jobId).not.toBe('');
});

function changed(payload: Payload): Payload {
  if (payload.kind !== 'sealed') return expect.fail('it is inline');
  const bytes = Buffer.from(payload.envelope, 'base64');
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  return { ...payload, envelope: bytes.toString('base64') };
}

it('a streamed output is sealed part by part', async () => {
  const sealed = await setUp();
  const { worker, sealing, spec } = sealed;
  const { jobId, runId } = await begun(sealed);
  const parts = [new Uint8Array(1_048_576).fill(1), new Uint8Array(100).fill(2)];
  await worker.streams[0]?.write('output', partsOf(parts));
  await worker.end(runId, { kind: 'succeeded', output: { kind: 'streamed', bytes: 1_048_676 } });
  const [{ outcome } = expect.fail('no report')] = worker.completed;
  const payload = outcome.kind === 'succeeded' ? outcome.output : undefined;
  if (payload?.kind !== 'sealed-ref') return expect.fail('it is sealed');
  expect(payload).toMatchObject({ bytes: 1_048_676, encoding: 'bytes' });
  const payloads = createMemoryPayloads();
  for (const [id, bytes] of worker.payloads) payloads.stored.set(id, bytes);
  const owner = payloadOwner({ id: jobId, spec }, 'output');
  const pieces: Uint8Array[] = [];
  for await (const piece of (await openSealedParts({ sealing, payloads }, owner, payload))?.readFrom(0) ?? [])
    pieces.push(piece);
  expect(Buffer.concat(pieces).equals(Buffer.concat(parts))).toBe(true);
});

async function* partsOf(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array, Uint8Array> {
  yield* parts;
  return new Uint8Array(32);
}
