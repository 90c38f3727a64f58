// Failed jobs by kind, through the real gateway and in the terminal.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import type { TroupeClient } from '../../src/client/index.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';
import { type Edge, openEdge } from './gateway-edge.ts';

let edge: Edge;
let client: TroupeClient;

beforeAll(async () => {
  edge = await openEdge();
  client = edge.client({ retry: { maxAttempts: 1 } });
});
afterAll(() => edge.close());

async function failed(queue: string, message: string, code?: string, labels = {}): Promise<string> {
  const { jobId } = await client.submit('test.echo', 1, { queue, labels, retry: { maxAttempts: 1 } });
  const { run } = await edge.apply(jobId, { kind: 'claim', node: 'n1', token: `t-${jobId}` });
  const failure = { reason: 'HANDLER_FAILED', message, ...(code !== undefined && { code }) } as const;
  const outcome = { kind: 'failed', failure, retryable: false } as const;
  await edge.apply(jobId, { kind: 'report', token: run?.token ?? '', outcome });
  return jobId;
}

async function troupe(...args: readonly string[]) {
  const terminal = recordedTerminal();
  const code = await runCli([...args, '--address', `127.0.0.1:${edge.port}`], { terminal });
  return { code, ...terminal.written };
}

describe('failed jobs', () => {
  it('are grouped, the largest group first, and each can be listed and redriven by itself', async () => {
    await client.queues.create('one');
    const disks: string[] = [];
    for (const n of [1, 2, 3]) disks.push(await failed('one', `disk ${n} is full`, 'FULL'));
    const other = await failed('one', 'user "ann" is not there');
    const found = await client.failureKinds({ queue: 'one' });
    expect(found).toMatchObject({ jobs: 4, isComplete: true });
    expect(found.kinds).toMatchObject([
      { handler: 'test.echo', reason: 'HANDLER_FAILED', code: 'FULL', message: 'disk # is full', jobs: 3 },
      { message: 'user "…" is not there', jobs: 1, sampleIds: [other] },
    ]);
    const [first] = found.kinds;
    expect(first?.sampleIds).toEqual(disks.toReversed());
    expect(Number(first?.lastAt) >= Number(first?.firstAt)).toBe(true);
    const listed: string[] = [];
    for await (const job of client.list({ queue: 'one', failureKind: first?.id ?? '' })) listed.push(job.id);
    expect(listed).toEqual(disks.toReversed());
    let copies = 0;
    for await (const { done } of client.redrive({ queue: 'one', failureKind: first?.id ?? '' })) copies += done;
    expect(copies).toBe(3);
  });

  it('beyond a page are added up, and a limit says that there is more', async () => {
    await client.queues.create('many');
    for (let n = 0; n < 30; n += 1) await failed('many', `row ${n}`);
    const whole = await client.failureKinds({ queue: 'many' });
    expect(whole).toMatchObject({ jobs: 30, isComplete: true, kinds: [{ jobs: 30, sampleIds: { length: 5 } }] });
    const before = new Date(Date.now() - 60_000);
    expect(await client.failureKinds({ queue: 'many', endedBefore: before })).toMatchObject({ jobs: 0, kinds: [] });
    expect(await client.failureKinds({ queue: 'many', handler: 'test.other' })).toMatchObject({ jobs: 0 });
  });

  it('of a kind that is none are refused by the field', async () => {
    await expect(client.list({ failureKind: 'x' }).next()).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      violations: [{ field: 'filter.failure_kind' }],
    });
    await expect(client.failureKinds({ failureKind: 't' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(client.failureKinds({ limit: 0 })).rejects.toMatchObject({ violations: [{ field: 'limit' }] });
    await expect(client.failureKinds({ queue: 'none' })).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
  });

  it('are shown in the terminal with the next command', async () => {
    const shown = await troupe('failures', '--queue', 'one');
    expect(shown.code).toBe(0);
    const [kind = ''] = /t[0-9a-f]{15}/.exec(shown.out) ?? [];
    expect(shown.out).toContain('disk # is full');
    expect(shown.out).toContain(`retry:  troupe redrive --queue one --kind ${kind}`);
    const since = ['--ended-from', '2020-01-01T00:00:00Z'];
    const narrow = await troupe('failures', '--queue', 'one', ...since, '--handler', 'test.echo');
    expect(narrow.out).toContain(
      `retry:  troupe redrive --queue one --ended-from 2020-01-01T00:00:00.000Z --kind ${kind}`,
    );
    const json = await troupe('failures', '--queue', 'one', '--json');
    expect(JSON.parse(json.out)).toMatchObject({ jobs: 4, isComplete: true, kinds: [{ jobs: 3 }, { jobs: 1 }] });
    const listed = await troupe('list', '--queue', 'one', '--kind', kind, '--json');
    expect(listed.out.trim().split('\n')).toHaveLength(3);
    expect((await troupe('failures', '--state', 'EXPIRED')).err).toContain('only FAILED jobs have a kind');
    await client.queues.create('labelled');
    await failed('labelled', 'no', undefined, { who: "O'Neil & co" });
    expect((await troupe('failures', '--queue', 'labelled', '--label', "who=O'Neil & co")).out).toContain(
      `troupe redrive --queue labelled --label 'who=O'\\''Neil & co' --kind t`,
    );
    await client.queues.create('calm');
    expect((await troupe('failures', '--queue', 'calm')).err).toMatch(
      /^0 failed jobs, searched back to .*: no failed jobs/,
    );
  });
});
