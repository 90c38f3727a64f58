// What a client refuses by itself: no gateway is there, and none is asked.
import { afterAll, describe, expect, it } from 'vitest';
import { connect, type JobOptions, type TroupeClient, TroupeClientError } from '../../../src/client/index.ts';

/** Nothing listens there; what is sent would be GATEWAY_UNAVAILABLE. */
const client = connect({ address: '127.0.0.1:1', retry: { maxAttempts: 1 } });
afterAll(() => client.close());

async function refusal(call: Promise<unknown>): Promise<TroupeClientError> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TroupeClientError);
  return error as TroupeClientError;
}

function fieldsOf({ violations }: TroupeClientError): readonly string[] {
  return violations.map(({ field }) => field);
}

const nonsense = new Date('nonsense');

describe('submits', () => {
  it.each<[string, JobOptions, string]>([
    ['a time that is none would be now', { runAt: nonsense }, 'job.run_time'],
    ['NaN would be the lowest priority', { priority: Number.NaN }, 'job.priority'],
    ['2^32 would be the lowest priority', { priority: 2 ** 32 }, 'job.priority'],
    ['1.5 would be priority 1', { priority: 1.5 }, 'job.priority'],
    ['2^32 + 1 attempts would be one', { retry: { maxAttempts: 2 ** 32 + 1 } }, 'job.retry.max_attempts'],
    ['NaN would be no heartbeat', { heartbeatTimeoutMs: Number.NaN }, 'job.heartbeat_timeout'],
    ['Infinity is no timeout', { totalTimeoutMs: Number.POSITIVE_INFINITY }, 'job.total_timeout'],
    ['an unknown way would be reject', { uniqueKey: 'k', onConflict: 'x' as 'reject' }, 'job.unique.on_conflict'],
    ['an empty key would be none', { idempotencyKey: '' }, 'idempotency_key'],
  ])('%s', async (_why, options, field) => {
    const empty = { bytes: 0, open: async function* () {} };
    for (const call of [
      () => client.submit('test.echo', {}, options),
      () => client.submit('test.echo', {}, { ...options, timeoutMs: 1_000 }),
      () => client.submitStream('test.echo', empty, options),
    ]) {
      const error = await refusal(call());
      expect(error).toMatchObject({ code: 'INVALID_JOB_SPEC', outcome: 'none', retryable: false });
      expect(fieldsOf(error)).toEqual([field]);
    }
  });

  it('a bad draft costs only itself', async () => {
    const outcomes = await client.submitMany([
      { handler: 'test.echo' },
      { handler: 'test.echo', priority: Number.NaN },
      { handler: 'test.echo', input: 1n },
    ]);
    expect(outcomes).toMatchObject([
      { error: { code: 'GATEWAY_UNAVAILABLE' } },
      { error: { code: 'INVALID_JOB_SPEC' } },
      { error: { code: 'INVALID_JOB_SPEC' } },
    ]);
  });
});

async function all(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _item of stream);
}

const others: Readonly<Record<string, [(troupe: TroupeClient) => Promise<unknown>, string]>> = {
  reschedule: [(troupe) => troupe.reschedule('j', nonsense), 'run_time'],
  list: [(troupe) => all(troupe.list({ createdFrom: nonsense })), 'filter.created_from'],
  'list so many': [(troupe) => all(troupe.list({ limit: Number.NaN })), 'limit'],
  redrive: [(troupe) => all(troupe.redrive({ endedBefore: nonsense })), 'filter.ended_before'],
  'redrive at a rate': [(troupe) => all(troupe.redrive({ perSecond: Number.NaN })), 'rate_per_second'],
  cancelMany: [(troupe) => all(troupe.cancelMany({ states: ['NOPE' as 'QUEUED'] })), 'filter.states[0]'],
  watchJobs: [(troupe) => all(troupe.watchJobs({ createdBefore: nonsense })), 'filter.created_before'],
  retry: [(troupe) => troupe.retry('j', { idempotencyKey: '' }), 'idempotency_key'],
  'queues.create': [(troupe) => troupe.queues.create('q', { maxBytes: Number.NaN }), 'settings.max_bytes'],
  'queues.update': [(troupe) => troupe.queues.update('q', 1.5, {}), 'version'],
  'queues.update flow': [
    (troupe) => troupe.queues.update('q', 1, { flow: { rate: { perSecond: Number.NaN } } }),
    'settings.flow.rate.per_second',
  ],
  'cluster.watchTree': [(troupe) => all(troupe.cluster.watchTree({ intervalMs: Number.NaN })), 'interval'],
  'cluster.deadLetters': [(troupe) => troupe.cluster.deadLetters({ limit: 2 ** 40 }), 'limit'],
};

it.each(Object.entries(others))('%s', async (_name, [call, field]) => {
  const error = await refusal(call(client));
  expect(fieldsOf(error)).toEqual([field]);
});

it('a list of none asks nobody', async () => {
  await all(client.list({ limit: 0 }));
});

describe('everything rejects with TroupeClientError', () => {
  it.each([
    ['a bigint', { n: 1n }, '.n'],
    ['a value that holds itself', holdingItself(), '.0'],
    ['a Map inside', { a: [new Map()] }, '.a.0'],
    ['a number that is none', NaN, ''],
    ['a function', () => 1, ''],
    ['a symbol', Symbol('s'), ''],
    [
      'what throws when it is read',
      {
        toJSON: (): never => {
          throw new Error('not me');
        },
      },
      '',
    ],
  ])('an input that is %s', async (_what, input, path) => {
    expect(await refusal(client.submit('h', input))).toMatchObject({ code: 'INVALID_JOB_SPEC' });
    expect(fieldsOf(await refusal(client.submit('h', input)))).toEqual([`job.input${path}`]);
    expect(fieldsOf(await refusal(client.retry('j', { input })))).toEqual([`input${path}`]);
  });

  it('a signal that was given up before', async () => {
    const signal = AbortSignal.abort();
    const calls = [
      () => client.submit('h', 1, { signal }),
      () => client.get('j', { signal }),
      () => client.wait('j', { signal }),
      () => client.cancel('j', '', { signal }),
      () => all(client.download('j', { signal })),
      () => client.submitStream('h', { bytes: 0, open: async function* () {} }, { signal }),
      () => all(client.redrive({ signal })),
    ];
    for (const call of calls) expect(await refusal(call())).toMatchObject({ code: 'CALL_CANCELLED', outcome: 'none' });
  });

  it('whatever is handed in by those who do without types', async () => {
    const junk = null as never;
    await refusal(client.submit(junk, 1, junk));
    await refusal(client.submitMany([junk]).then(([outcome]) => Promise.reject((outcome as { error: Error }).error)));
    await refusal(client.submitStream('h', junk));
    await refusal(client.queues.create('q', junk));
    await refusal(client.cluster.inspect('/', junk));
    await refusal((async () => all(client.redrive(junk)))());
    await refusal(client.reschedule('j', junk));
  });
});

function holdingItself(): unknown[] {
  const list: unknown[] = [];
  list.push(list);
  return list;
}
