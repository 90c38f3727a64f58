// `troupe health` and `top` against a real gateway: what they print, their exit codes, and how a live view ends.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import type { NodeInfo } from '../../src/application/ports/membership.ts';
import { nodeStateCodes } from '../../src/contract/codes.ts';
import type * as wire from '../../src/contract/messages.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';
import { type Edge, openEdge, shardCount, until } from './gateway-edge.ts';

let edge: Edge;

beforeAll(async () => {
  edge = await openEdge();
  await edge.client().queues.create('reports', { maxDepth: 100 });
  await edge.client().submit('test.echo', 1, { queue: 'reports' });
});
afterAll(() => edge.close());

const worker: NodeInfo = {
  nodeId: 'w1',
  incarnation: 1,
  roles: ['workers', 'shards'],
  weight: 1,
  slots: 4,
  workerClass: '',
  handlers: [],
  draining: false,
  version: '1.2.3',
};

beforeEach(() => {
  const described = {
    id: 'w1',
    state: nodeStateCodes.live,
    roles: worker.roles,
    slotsTotal: 4,
    runs: 0,
    version: '1.2.3',
  };
  const shards = Array.from({ length: shardCount }, (_, number) => ({ number, state: 1 }) as wire.Shard);
  edge.nodes.set('w1', { info: worker, answers: { describe: () => described as wire.Node, shards: () => shards } });
});

async function troupe(...args: readonly string[]) {
  const terminal = recordedTerminal();
  const code = await runCli([...args, '--address', `127.0.0.1:${edge.port}`], { terminal });
  return { code, ...terminal.written };
}

/** Answers are shared for a second. */
async function whenShown(what: string, shows: (out: string) => boolean, ...args: readonly string[]) {
  let ran = await troupe(...args);
  await until(what, async () => {
    ran = await troupe(...args);
    return shows(ran.out);
  });
  return ran;
}

describe('troupe health', () => {
  it('says that all is well, in words and as one document, and ends with 0', async () => {
    const words = await whenShown('all is well', (out) => out.includes('GOOD      work flows?'), 'health');
    expect(words.out).toMatch(/^GOOD {6}work flows\? {5}Work flows: 1 job waits, the oldest for \d+ s\.$/m);
    expect(words.out).toMatch(/^UNKNOWN {3}runs succeed\?/m);
    expect(words.out).toMatch(/^GOOD {6}figures fresh\?/m);
    expect(words.code).toBe(0);
    const { code, out } = await troupe('health', '--json');
    expect(JSON.parse(out)).toMatchObject({ healthy: true, workFlows: { grade: 'good' }, alerts: [] });
    expect([code, out.trim().split('\n').length]).toEqual([0, 1]);
  });

  it('says what is wrong, why and what to do next, and ends with 9', async () => {
    await edge.quarantines.put({ tenant: 'default', queue: 'reports', reason: 'broken\u001B[2J', sinceMs: Date.now() });
    const { code, out } = await whenShown('it is seen', (text) => text.includes('Wrong now'), 'health');
    expect(code).toBe(9);
    expect(out).toContain('BAD       work flows?     1 job waits, all of it in queues in quarantine.');
    expect(out).toMatch(/likely: .+\n +next: {3}troupe queues list/);
    expect(out).toContain('The queue reports is in quarantine on all nodes: broken\\x1b[2J');
    expect(out).toContain('next:   troupe resume reports');
    expect(out).not.toContain('\u001B');
    await edge.quarantines.clear('default', 'reports');
  });
});

describe('troupe top', () => {
  it('prints once where there is no terminal, most pressing first or as it is told', async () => {
    const { code, out } = await whenShown('the queue is seen', (text) => text.includes('reports'), 'top');
    expect(code).toBe(0);
    expect(out).toMatch(/^QUEUE +WAITING +LATER/m);
    expect(out).toMatch(/^reports +1 +0 +0 .*1% full$/m);
    expect(out).toContain('slots 0/4');
    expect(JSON.parse((await troupe('top', '--json')).out)).toMatchObject({ totals: { waiting: 1 } });
    expect((await troupe('top', '--queue', 'nothing')).out).not.toMatch(/^reports /m);
    expect(await troupe('top', '--sort', 'size')).toMatchObject({ code: 2 });
    expect(await troupe('top', '--interval', '1ms')).toMatchObject({ code: 2 });
  });

  it('is redrawn on a terminal, sorts by a key, and leaves the screen as it was when somebody quits', async () => {
    const terminal = recordedTerminal({ isTerminal: true });
    const ended = runCli(['top', '--interval', '250ms', '--address', `127.0.0.1:${edge.port}`], { terminal });
    await until('it is drawn', async () => terminal.written.out.includes('reports'));
    terminal.press('s');
    expect(terminal.written.out).toContain('s sorts: waiting');
    terminal.press('q');
    expect(await ended).toBe(0);
    const { out, err } = terminal.written;
    expect(out.startsWith('\u001B[?1049h\u001B[?25l')).toBe(true);
    expect(out.endsWith('\u001B[?25h\u001B[?1049l')).toBe(true);
    expect(err).toBe('');
  });

  it('shows the code of a call that fails with the last figures, goes on, and ends with 130 when it is interrupted', async () => {
    const { gateway, port } = await edge.openGateway();
    const terminal = recordedTerminal({ isTerminal: true });
    const stop = new AbortController();
    const args = ['top', '--interval', '250ms', '--address', `127.0.0.1:${port}`];
    const ended = runCli(args, { terminal, signal: stop.signal });
    await until('it is drawn', async () => terminal.written.out.includes('reports'));
    await gateway.stop(1_000);
    await until('the trouble is shown', async () => terminal.written.out.includes('GATEWAY_UNAVAILABLE'));
    stop.abort();
    expect(await ended).toBe(130);
    expect(terminal.written.out.endsWith('\u001B[?25h\u001B[?1049l')).toBe(true);
  });

  it('ends with the code of the error if there never was an answer', async () => {
    const terminal = recordedTerminal({ isTerminal: true });
    expect(await runCli(['top', '--address', '127.0.0.1:1'], { terminal })).toBe(3);
    expect(terminal.written.out).toBe('');
  });
});

describe('troupe explain', () => {
  it('says on one screen why a job waits, what is ahead, who can change it, and three commands', async () => {
    const { jobId } = await edge
      .client()
      .submit('test.echo', 1, { queue: 'reports', runAt: new Date(Date.now() + 3_600_000) });
    const { code, out } = await troupe('explain', jobId);
    expect(code).toBe(0);
    expect(out).toMatch(/^job +[0-9a-f-]{36}$/m);
    expect(out).toMatch(/^of +test\.echo in the queue reports$/m);
    expect(out).toMatch(/^why +DUE_LATER: its start time has not come yet$/m);
    expect(out).toMatch(/^starts +in about (59m \d+s|1h), nine times of ten within /m);
    expect(out).toMatch(/^who +can change it: whoever may manage the job \(jobs\.manage\)$/m);
    expect(out).toContain(`next    troupe reschedule ${jobId} --now\n`);
    expect(out.trimEnd().split('\n')).toHaveLength(9);
    const { out: json } = await troupe('explain', jobId, '--json');
    expect(JSON.parse(json)).toMatchObject({ id: jobId, state: 'SCHEDULED', waiting: { reason: 'DUE_LATER' } });
    await troupe('cancel', jobId);
    const ended = await troupe('explain', jobId);
    expect(ended.out).toMatch(/^state +CANCELLED.*ended /m);
    expect(ended.out).toContain(`troupe retry ${jobId}`);
    expect(await troupe('explain', `${jobId.slice(0, -6)}000000`)).toMatchObject({ code: 4 });
  });
});
