/** What a submit sends and stores, and where. */
import { mayEverything } from '../../../support/callers.ts';
import { describe, expect, it } from 'vitest';
import type { CallContext } from '../../../../src/application/ports/call-context.ts';
import { fingerprint } from '../../../../src/application/jobs/job-fingerprint.ts';
import { emptyJobRequest, type JobRequest } from '../../../../src/application/jobs/job-request.ts';
import { writeParts } from '../../../../src/application/storage/payload-parts.ts';
import { createQueueCatalog } from '../../../../src/application/queues/queue-catalog.ts';
import { createShardBatcher } from '../../../../src/application/protocol/shard-batcher.ts';
import { createShardChoice } from '../../../../src/application/protocol/shard-choice.ts';
import { createSubmitJobs } from '../../../../src/application/jobs/submit-jobs.ts';
import type { InputPiece, StreamedRequest } from '../../../../src/application/jobs/streamed-input.ts';
import type { SubmitItem, SubmitResult } from '../../../../src/application/ports/shard-protocol.ts';
import { type ErrorCode, TroupeError } from '../../../../src/domain/errors.ts';
import { given } from '../../../../src/domain/given.ts';
import { defaultQueueSettings, type Queue, queueStamp } from '../../../../src/domain/queue.ts';
import type { HandlerManifest } from '../../../../src/domain/handler-manifest.ts';
import { payloadsStoredMs } from '../../../../src/domain/payload-life.ts';
import { testRecord } from '../../../support/jobs.ts';
import { noLimits, roomForJobs } from '../../../support/open-tenants.ts';
import { silentLog } from '../../../support/stores.ts';
import { createManualClock } from '../manual-clock.ts';

const context: CallContext = { tenant: 'default', principal: mayEverything, requestId: 'r' };
const echo: JobRequest = { ...emptyJobRequest, handler: 'test.echo' };

interface Options {
  readonly local?: readonly number[];
  readonly away?: number;
  /** Every submit finds the job of an earlier one. */
  readonly there?: boolean;
  readonly answer?: () => SubmitResult | { readonly error: TroupeError };
  readonly deletes?: 'fail';
  /** As `tenant/queue`. */
  readonly queues?: readonly string[];
  /** Asked whether the tenant may submit. */
  readonly ensureMaySubmit?: () => void | Promise<void>;
  /** Asked whether the tenant has spent its quota. */
  readonly refusalOf?: (tenant: string, jobs: number) => TroupeError | undefined;
}

function setUp(options: Options = {}) {
  const clock = createManualClock();
  const sent: { shard: number; items: readonly SubmitItem[] }[] = [];
  const stored = new Map<string, Uint8Array>();
  const expiries = new Map<string, number>();
  const deleted: string[] = [];
  let reads = 0;
  let away = options.away ?? 0;
  let queue: Queue = {
    tenant: 'default',
    name: 'default',
    queueNo: 7,
    settings: defaultQueueSettings,
    version: 1,
    createdAtMs: 0,
    updatedAtMs: 0,
  };
  const versions = new Map([['default/default', queueStamp(queue)]]);
  const call = async (shard: number, _verb: string, items: readonly SubmitItem[]) => {
    sent.push({ shard, items });
    if (away > 0) {
      away -= 1;
      throw new TroupeError('SHARD_UNAVAILABLE');
    }
    const duplicate = options.there === true;
    return items.map(({ spec }) => {
      const answer = options.answer?.() ?? { record: testRecord(duplicate ? {} : spec), duplicate };
      return 'error' in answer ? { error: answer.error.toWire() } : { ok: answer };
    });
  };
  const manifests: readonly HandlerManifest[] = [
    { name: 'test.echo', version: '1', inputKind: 'any' },
    { name: 'test.bytes', version: '1', inputKind: 'bytes', executionTimeoutMs: 9 },
    { name: 'test.streams', version: '1', inputKind: 'bytes' },
    { name: 'test.streams', version: '2.0.0', inputKind: 'bytes', inputStreamed: true },
    { name: 'test.grown', version: '0.9.0', inputKind: 'any', executionTimeoutMs: 900 },
    { name: 'test.grown', version: '1', inputKind: 'bytes', executionTimeoutMs: 1_000 },
    { name: 'test.grown', version: '2.1.0', inputKind: 'json', executionTimeoutMs: 2_100 },
    { name: 'test.grown', version: '2.0.0', inputKind: 'json', executionTimeoutMs: 2_000 },
    { name: 'test.grown', version: '3.0.0', inputKind: 'bytes', executionTimeoutMs: 3_000 },
  ];
  const catalog = createQueueCatalog({
    store: {
      findQueue: async (_tenant, name) => {
        reads += 1;
        return name === 'default' ? queue : undefined;
      },
    },
    config: { queues: () => versions, touchQueue: async () => undefined, removeQueue: async () => undefined },
    work: { ensureRoute: async () => undefined, removeRoute: async () => undefined },
    clock,
    log: silentLog,
  });
  const batching = { timeoutMs: 1_000, maxQueued: 2_000, atTurnEnd: setImmediate };
  const submit = createSubmitJobs({
    submitRoom: roomForJobs,
    tenantLimits: { ...noLimits, ...given({ ensureMaySubmit: options.ensureMaySubmit, refusalOf: options.refusalOf }) },
    atTurnEnd: (then) => void setImmediate(then),
    batcher: createShardBatcher({ client: { call }, clock, ...batching }),
    shards: createShardChoice({ shardCount: 8, localShards: () => options.local ?? [], clock, random: () => 0.3 }),
    catalog,
    config: {
      manifestsOf: (handler) => manifests.filter(({ name }) => name === handler),
      handlerNames: () => manifests.map(({ name }) => name),
      queues: () => new Map((options.queues ?? []).map((name) => [name, 0])),
    },
    fleet: { versionsOf: () => ['1', '2.0.0', '2.1.0'] },
    payloads: {
      writeHolds: (bytes) => bytes,
      async writePayload({ name: id, expiresAtMs }, source) {
        const parts: Uint8Array[] = [];
        const whole = await writeParts(source, async (part, bytes) => {
          parts[part] = bytes;
          if (part > 0) return;
          stored.set(id, Buffer.concat(parts));
          expiries.set(id, expiresAtMs);
        });
        return { id, ...whole };
      },
      putPayload: async ({ name: id, bytes, expiresAtMs }) => {
        stored.set(id, bytes);
        expiries.set(id, expiresAtMs);
        return id;
      },
      getPayload: async () => undefined,
      openPayload: async () => undefined,
      async deletePayload(id) {
        if (options.deletes === 'fail') throw new TroupeError('STORE_UNAVAILABLE');
        deleted.push(id);
        stored.delete(id);
      },
    },
    validator: { validate: () => [] },
    room: { enter: async () => () => undefined },
    lateCheck: async () => undefined,
    clock,
    payloadMaxBytes: 10_000,
    streamedMaxBytes: 20_000,
  });
  return {
    clock,
    sent,
    stored,
    deleted,
    expiries,
    submit,
    reads: () => reads,
    changeQueue(): void {
      queue = { ...queue, version: 2, settings: { ...queue.settings, executionTimeoutMs: 123 } };
      versions.set('default/default', queueStamp(queue));
    },
  };
}

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | undefined> {
  return promise.then(
    () => undefined,
    (error: unknown) => TroupeError.from(error).code,
  );
}

describe('submit for a caller with a role in some queues', () => {
  const scoped: CallContext = {
    ...context,
    principal: { ...mayEverything, onlyIn: new Map([['jobs.submit', ['report*', 'default']]]) },
    needs: 'jobs.submit',
  };

  it('tells the shard in which queues if the job has a key, and nothing if in all', async () => {
    const { submit, sent } = setUp();
    const keyed = { ...echo, idempotencyKey: 'k' };
    const unique = { ...echo, unique: { key: 'k', onConflict: 'replace' } } as const;
    await submit.one(scoped, keyed);
    await submit.one(scoped, unique);
    await submit.one(scoped, echo);
    await submit.one({ ...context, needs: 'jobs.submit' }, keyed);
    await submit.one({ ...scoped, needs: 'jobs.manage' }, keyed);
    const own = ['report*', 'default'];
    expect(sent.map(({ items }) => items[0]?.onlyIn)).toEqual([own, own, undefined, undefined, undefined]);
  });

  it('names only these queues where it meant another one', async () => {
    const { submit } = setUp({ queues: ['default/report-1', 'default/deport-1', 'other/report-3'] });
    const misspelt = { ...echo, queue: 'report-2' };
    await expect(submit.one(scoped, misspelt)).rejects.toThrow(/did you mean report-1\?$/);
    await expect(submit.one({ ...context, needs: 'jobs.submit' }, misspelt)).rejects.toThrow(/report-1, deport-1\?$/);
  });
});

describe('submit', () => {
  it('sends a batch without keys to one shard, of this process if it has any', async () => {
    const remote = setUp();
    await remote.submit.many(
      context,
      Array.from({ length: 600 }, () => echo),
    );
    expect(new Set(remote.sent.map(({ shard }) => shard)).size).toBe(1);
    const local = setUp({ local: [2, 5] });
    const shards = new Set<number>();
    for (let turn = 0; turn < 10; turn += 1) {
      await local.submit.one(context, echo);
      local.clock.advance(5_000);
    }
    for (const { shard } of local.sent) shards.add(shard);
    expect([...shards].sort()).toEqual([2, 5]);
  });

  it('refuses what it could not read of a batch in its place, and accepts the others', async () => {
    const { submit } = setUp();
    const unreadable = new TroupeError('INVALID_JOB_SPEC');
    const outcomes = await submit.many(context, [echo, unreadable, echo]);
    expect(outcomes.map((outcome) => ('ok' in outcome ? 'ok' : outcome.error))).toEqual(['ok', unreadable, 'ok']);
    expect(await submit.many(context, [unreadable])).toEqual([{ error: unreadable }]);
  });

  it('looks at no job of a batch while the tenant has spent its quota', async () => {
    const spent = new TroupeError('QUOTA_EXCEEDED');
    const asked: number[] = [];
    const { submit, sent, reads } = setUp({
      refusalOf: (_tenant, jobs) => {
        asked.push(jobs);
        return asked.length === 1 ? undefined : spent;
      },
    });
    const unreadable = new TroupeError('INVALID_JOB_SPEC');
    const outcomes = await submit.many(context, [...Array.from({ length: 119 }, () => echo), unreadable]);
    expect(asked).toEqual([50, 50, 19]);
    expect(outcomes.slice(0, 50).every((outcome) => 'ok' in outcome)).toBe(true);
    expect(outcomes.slice(50)).toEqual([
      ...Array.from({ length: 69 }, () => ({ error: spent })),
      { error: unreadable },
    ]);
    expect([sent.flatMap(({ items }) => items).length, reads()]).toEqual([50, 1]);
  });

  it('looks no further at a call that nobody waits for any more, and gives its rest no turns', async () => {
    const [looks, caller]: [number[], AbortController] = [[], new AbortController()];
    const { submit } = setUp({ refusalOf: (_tenant, jobs) => void looks.push(jobs) });
    const left = submit.many(
      { ...context, signal: caller.signal },
      Array.from({ length: 1_000 }, () => echo),
    );
    caller.abort();
    const codes = (await left).map((outcome) => ('ok' in outcome ? 'OK' : outcome.error.code));
    expect(codes).toEqual(codes.map((_, at) => (at < 50 ? 'OK' : 'CALL_CANCELLED')));
    expect(looks).toEqual([50]);
  });

  it('sends a key always to the same shard, and spreads keys', async () => {
    const { submit, sent, clock } = setUp({ local: [1] });
    for (const idempotencyKey of ['a', 'a', 'b', 'c', 'd', 'e', 'f', 'g']) {
      await submit.one(context, { ...echo, idempotencyKey });
      clock.advance(1_000);
    }
    expect(sent[0]?.shard).toBe(sent[1]?.shard);
    expect(new Set(sent.map(({ shard }) => shard)).size).toBeGreaterThan(2);
    expect(sent[0]?.items[0]?.keyHash).toMatch(/^[\w-]{43}$/);
    expect(sent[0]?.items[0]).toEqual(sent[1]?.items[0]);
  });

  it('tries three shards for a job without a key, one for a job with a key', async () => {
    const three = setUp({ local: [1], away: 2 });
    await three.submit.one(context, echo);
    expect(new Set(three.sent.map(({ shard }) => shard)).size).toBe(3);
    expect(await codeOf(setUp({ away: 3 }).submit.one(context, echo))).toBe('SHARD_UNAVAILABLE');
    const keyed = setUp({ away: 1 });
    expect(await codeOf(keyed.submit.one(context, { ...echo, idempotencyKey: 'k' }))).toBe('SHARD_UNAVAILABLE');
    expect(keyed.sent).toHaveLength(1);
  });

  it('keeps inputs up to 1 KiB in the record and stores larger ones first', async () => {
    const { submit, sent, stored } = setUp();
    const json = (bytes: number): JobRequest => ({
      ...echo,
      input: { kind: 'json', json: `"${'x'.repeat(bytes - 2)}"` },
    });
    await submit.one(context, json(1_024));
    expect(stored.size).toBe(0);
    await submit.one(context, json(1_025));
    const input = sent[1]?.items[0]?.spec.input;
    expect(input).toMatchObject({ kind: 'ref', bytes: 1_025, encoding: 'json' });
    expect(stored.get(input?.kind === 'ref' ? input.id : '')?.byteLength).toBe(1_025);
    await submit.one(context, { ...echo, input: { kind: 'bytes', bytes: Buffer.from([1, 2, 255]) } });
    expect(sent[2]?.items[0]?.spec.input).toEqual({ kind: 'bytes', base64: 'AQL/' });
  });

  it('stores small inputs too when they are to go before their job, and refuses to keep them longer', async () => {
    const { submit, sent, stored, expiries, clock } = setUp();
    const keptMs = 3_600_000;
    const kept = (payloadRetentionMs: number, more: Partial<JobRequest> = {}): Promise<unknown> =>
      submit.one(context, { ...echo, input: { kind: 'json', json: '1' }, payloadRetentionMs, ...more });
    await kept(keptMs);
    const spec = sent[0]?.items[0]?.spec;
    expect(spec).toMatchObject({ input: { kind: 'ref', bytes: 1 }, payloadRetentionMs: keptMs });
    expect([...expiries.values()]).toEqual([clock.nowMs() + keptMs + 60_000]);
    await kept(keptMs, { retentionMs: keptMs });
    expect([sent[1]?.items[0]?.spec.payloadRetentionMs, stored.size]).toEqual([undefined, 1]);
    const fieldsOf = async (refused: Promise<unknown>): Promise<unknown> =>
      refused.then(
        () => undefined,
        (error: unknown) => TroupeError.from(error).violations.map(({ field }) => field),
      );
    expect(await fieldsOf(kept(keptMs + 1, { retentionMs: keptMs }))).toEqual(['job.payload_retention']);
    expect(await fieldsOf(kept(59_999))).toEqual(['job.payload_retention']);
    expect(await fieldsOf(kept(keptMs, { runAtMs: clock.nowMs() + keptMs }))).toEqual(['job.run_time']);
  });

  it('leaves it to the shard whether a date lies ahead: the clock of a gateway makes no job early', async () => {
    const { submit, sent, clock } = setUp();
    const runAtMs = clock.nowMs() - 3_600_000;
    await submit.one(context, { ...echo, runAtMs });
    await submit.one(context, { ...echo, runAtMs: -1 });
    expect(sent.flatMap(({ items }) => items.map(({ spec }) => spec.runAtMs))).toEqual([runAtMs, undefined]);
  });

  it('bounds an attempt by the retention: what is said is refused, what is inherited is cut', async () => {
    const { submit, sent } = setUp();
    const retentionMs = 60_000;
    const refused = submit.one(context, { ...echo, retentionMs, executionTimeoutMs: retentionMs + 1 });
    await expect(refused).rejects.toMatchObject({
      code: 'INVALID_JOB_SPEC',
      violations: [{ field: 'job.execution_timeout', description: 'must be 1 ms to the retention (60000 ms)' }],
    });
    await submit.one(context, { ...echo, retentionMs });
    await submit.one(context, { ...echo, retentionMs, executionTimeoutMs: retentionMs });
    expect(sent.map(({ items }) => items[0]?.spec.executionTimeoutMs)).toEqual([retentionMs, retentionMs]);
  });

  it('stores each input under an id of its own, and takes back that of a call whose job was there before', async () => {
    const earlier = { kind: 'ref', id: 'in-earlier', bytes: 2_000, encoding: 'bytes' } as const;
    const { submit, stored, deleted } = setUp({
      answer: () => ({ record: testRecord({ input: earlier }), duplicate: true }),
    });
    const request: JobRequest = { ...echo, idempotencyKey: 'k', input: { kind: 'bytes', bytes: Buffer.alloc(2_000) } };
    await submit.one(context, request);
    await submit.one(context, request);
    expect([new Set(deleted).size, deleted.length, stored.size]).toEqual([2, 2, 0]);
  });

  it.each<ErrorCode>([
    'UNIQUE_KEY_TAKEN',
    'REPLACEMENT_PENDING',
    'IDEMPOTENCY_KEY_REUSED',
    'BACKLOG_FULL',
    'QUOTA_EXCEEDED',
    'OVERLOADED',
    'QUEUE_CLOSING',
  ])('leaves nothing in the store of a job that its shard refuses: %s', async (code) => {
    const { submit, stored, deleted } = setUp({ answer: () => ({ error: new TroupeError(code) }) });
    const bytes = Buffer.alloc(2_000);
    expect(await codeOf(submit.one(context, { ...echo, idempotencyKey: 'k', input: { kind: 'bytes', bytes } }))).toBe(
      code,
    );
    expect([stored.size, deleted.length]).toEqual([0, 1]);
  });

  it.each<ErrorCode>(['OUTCOME_UNKNOWN', 'STORE_UNAVAILABLE', 'CALL_DEADLINE_EXCEEDED', 'INTERNAL_ERROR'])(
    'keeps what a job may refer to: %s',
    async (code) => {
      const { submit, stored } = setUp({ answer: () => ({ error: new TroupeError(code) }) });
      await codeOf(submit.one(context, { ...echo, input: { kind: 'bytes', bytes: Buffer.alloc(2_000) } }));
      expect(stored.size).toBe(1);
    },
  );

  it('answers as the shard did when what it stored cannot be taken back', async () => {
    const { submit } = setUp({ deletes: 'fail', answer: () => ({ record: testRecord(), duplicate: true }) });
    const input = { kind: 'bytes', bytes: Buffer.alloc(2_000) } as const;
    expect(await submit.one(context, { ...echo, input })).toMatchObject({ duplicate: true });
  });

  describe('with a streamed input', () => {
    it('holds what its store says, whatever a caller announces', () => {
      const { submit } = setUp();
      const announced = [0, 15_000, 20_001, 2 ** 60, -5, Number.NaN, Infinity];
      expect(announced.map((bytes) => submit.streamHolds(bytes))).toEqual([0, 15_000, 20_000, 20_000, 0, 0, 20_000]);
    });

    const bytes = Buffer.alloc(3_000, 5);
    async function* pieces(of: Uint8Array = bytes): AsyncGenerator<InputPiece, void> {
      yield { kind: 'chunk', bytes: of.subarray(0, 1_000) };
      yield { kind: 'chunk', bytes: of.subarray(1_000) };
    }
    const request: JobRequest = { ...echo, idempotencyKey: 'k' };

    it('is the same content as one with the same bytes in the call, kept as long and an hour for the upload', async () => {
      const { submit, sent, stored, expiries, clock } = setUp();
      await submit.streamed(context, { request, inputBytes: 3_000 }, pieces());
      await submit.one(context, { ...request, input: { kind: 'bytes', bytes } });
      const [streamed, plain] = sent.flatMap(({ items }) => items);
      expect([streamed?.keyHash, streamed?.contentHash]).toEqual([plain?.keyHash, plain?.contentHash]);
      const input = streamed?.spec.input;
      expect(input).toMatchObject({ kind: 'ref', bytes: 3_000, encoding: 'bytes' });
      const id = input?.kind === 'ref' ? input.id : '';
      expect(stored.get(id)).toEqual(bytes);
      const keptMs = payloadsStoredMs(plain?.spec ?? { retentionMs: 0 });
      expect(expiries.get(id)).toBe(clock.nowMs() + 3_600_000 + keptMs + 60_000);
    });

    it('takes no piece for a job that is refused, and sends nothing of an input that is not whole', async () => {
      const { submit, sent, stored } = setUp();
      let taken = 0;
      async function* counted(): AsyncGenerator<InputPiece, void> {
        for await (const piece of pieces()) {
          taken += 1;
          yield piece;
        }
      }
      const refused: [StreamedRequest, ErrorCode][] = [
        [{ request, inputBytes: 10_001 }, 'PAYLOAD_TOO_LARGE'],
        [{ request: { ...request, handler: 'test.streams' }, inputBytes: 20_001 }, 'PAYLOAD_TOO_LARGE'],
        [{ request: { ...request, handler: 'test.none' }, inputBytes: 3_000 }, 'UNKNOWN_HANDLER'],
        [{ request: { ...request, executionTimeoutMs: 0 }, inputBytes: 3_000 }, 'INVALID_JOB_SPEC'],
        [{ request: { ...request, input: { kind: 'json', json: '1' } }, inputBytes: 3_000 }, 'INVALID_ARGUMENT'],
      ];
      for (const [open, code] of refused) expect(await codeOf(submit.streamed(context, open, counted()))).toBe(code);
      expect(taken).toBe(0);
      expect(await codeOf(submit.streamed(context, { request, inputBytes: 4_000 }, counted()))).toBe(
        'INVALID_ARGUMENT',
      );
      expect([taken, sent, stored.size]).toEqual([2, [], 0]);
    });

    it('may be larger for a handler that reads it as a stream, and then runs on no version that does not', async () => {
      const { submit, sent } = setUp();
      const streams = { ...request, handler: 'test.streams' };
      await submit.streamed(context, { request: streams, inputBytes: 3_000 }, pieces());
      const whole = { request: { ...streams, idempotencyKey: 'l' }, inputBytes: 20_000 };
      await submit.streamed(context, whole, pieces(Buffer.alloc(20_000)));
      const needs = sent.flatMap(({ items }) => items).map(({ spec }) => spec.handlerVersion);
      expect(needs).toEqual([undefined, '>=2.0.0']);
      const inCall = { ...streams, input: { kind: 'bytes', bytes: Buffer.alloc(10_001) } } as const;
      expect(await codeOf(submit.one(context, inCall))).toBe('PAYLOAD_TOO_LARGE');
      const plain = submit.streamed(context, { request, inputBytes: 10_001 }, pieces());
      await expect(plain).rejects.toMatchObject({
        violations: [{ field: 'job.input', description: /at most 10000 .* does not read it as a stream/ }],
      });
    });

    it.each(['TENANT_PAUSED', 'TENANT_DELETING'] as const)('makes no job if %s while it comes', async (code) => {
      let stopped = false;
      const { submit, sent, stored } = setUp({
        ensureMaySubmit: () => (stopped ? Promise.reject(new TroupeError(code)) : undefined),
      });
      async function* slow(): AsyncGenerator<InputPiece, void> {
        yield* pieces();
        stopped = true;
      }
      expect(await codeOf(submit.streamed(context, { request, inputBytes: 3_000 }, slow()))).toBe(code);
      expect([sent, stored.size]).toEqual([[], 0]);
    });

    it('stores no second payload for a job that is there', async () => {
      const { submit, stored } = setUp({ there: true });
      await submit.streamed(context, { request, inputBytes: 3_000 }, pieces());
      expect(stored.size).toBe(0);
    });
  });

  it('stores and sends nothing for what it refuses', async () => {
    const { submit, sent, stored, clock } = setUp();
    const big = { kind: 'bytes', bytes: Buffer.alloc(2_000) } as const;
    const refused: [CallContext, JobRequest, ErrorCode][] = [
      [context, { ...echo, input: { kind: 'bytes', bytes: Buffer.alloc(10_001) } }, 'PAYLOAD_TOO_LARGE'],
      [context, { ...echo, handler: 'test.none', input: big }, 'UNKNOWN_HANDLER'],
      [context, { ...echo, queue: 'none', input: big }, 'QUEUE_NOT_FOUND'],
      [context, { ...echo, executionTimeoutMs: 0, input: big }, 'INVALID_JOB_SPEC'],
      [context, { ...echo, handler: 'test.bytes', input: { kind: 'json', json: '1' } }, 'INVALID_JOB_SPEC'],
      [context, { ...echo, input: { kind: 'json', json: '{' } }, 'INVALID_JOB_SPEC'],
      [{ ...context, deadlineAtMs: clock.nowMs() }, { ...echo, input: big }, 'CALL_DEADLINE_EXCEEDED'],
      [{ ...context, signal: AbortSignal.abort() }, { ...echo, input: big }, 'CALL_CANCELLED'],
    ];
    for (const [caller, request, code] of refused) expect(await codeOf(submit.one(caller, request))).toBe(code);
    expect([sent, stored.size]).toEqual([[], 0]);
  });

  it('takes the defaults of a queue as they are now, reading it once for each version', async () => {
    const { submit, sent, reads, changeQueue } = setUp();
    await Promise.all([submit.one(context, echo), submit.one(context, echo)]);
    await submit.one(context, echo);
    expect(reads()).toBe(1);
    changeQueue();
    await submit.one(context, echo);
    expect(reads()).toBe(2);
    const timeouts = sent.flatMap(({ items }) => items.map((item) => item.spec.executionTimeoutMs));
    expect(timeouts).toEqual([300_000, 300_000, 300_000, 123]);
  });

  describe('with versions 1, 2.0.0 and 2.1.0 live, and 0.9.0 and 3.0.0 gone', () => {
    const text = { kind: 'json', json: '1' } as const;
    const bytes = { kind: 'bytes', bytes: Buffer.alloc(1) } as const;
    const grown = { ...echo, handler: 'test.grown' };
    /** What is recorded with the job: the version it needs, and the defaults of the one that spoke. */
    async function recorded(request: JobRequest): Promise<readonly [string | undefined, number | undefined]> {
      const { submit, sent } = setUp();
      await submit.one(context, request);
      const spec = sent[0]?.items[0]?.spec;
      return [spec?.handlerVersion, spec?.executionTimeoutMs];
    }

    it('the newest live one speaks, and the job stays away from those that would refuse its input', async () => {
      expect(await recorded({ ...grown, input: text })).toEqual(['>=2.0.0', 2_100]);
      expect(await codeOf(setUp().submit.one(context, { ...grown, input: bytes }))).toBe('INVALID_JOB_SPEC');
    });

    it.each([
      ['2.0.0', text, ['2.0.0', 2_000]],
      ['1', bytes, ['1', 1_000]],
      ['>=2.0', text, ['>=2.0', 2_100]],
      ['>=2.1', text, ['>=2.1', 2_100]],
    ] as const)('one that asks for %s gets it', async (handlerVersion, input, wanted) => {
      expect(await recorded({ ...grown, handlerVersion, input })).toEqual(wanted);
    });

    it('what is not live any more is waited for, what nobody ever published is refused', async () => {
      expect(await recorded({ ...grown, handlerVersion: '0.9.0', input: text })).toEqual(['0.9.0', 900]);
      expect(await recorded({ ...grown, handlerVersion: '>=3', input: bytes })).toEqual(['>=3', 3_000]);
      const { submit } = setUp();
      await expect(submit.one(context, { ...grown, handlerVersion: '>=4', input: text })).rejects.toMatchObject({
        code: 'UNKNOWN_HANDLER',
        message: 'no node has announced the handler test.grown@>=4',
        metadata: { handler: 'test.grown', handlerVersion: '>=4' },
      });
      await expect(submit.one(context, { ...grown, handlerVersion: '^1', input: text })).rejects.toMatchObject({
        code: 'INVALID_JOB_SPEC',
        violations: [{ field: 'job.handler_version' }],
      });
    });

    it('a key with another version is another content; without one it is what it was', () => {
      const print = (more: object): unknown => fingerprint('t', { ...echo, idempotencyKey: 'k', ...more })?.contentHash;
      expect(print({ handlerVersion: '1' })).not.toBe(print({}));
      expect(print({ priority: 2 })).not.toBe(print({}));
      expect(print({ payloadRetentionMs: 60_000 })).not.toBe(print({}));
      expect(print({})).toBe('wP1SA2_FkErCIlyCSRP8jev-Zzit0lHiw9VavDeF94k');
    });
  });
});
