// `troupe` against a real gateway on a real socket: what it prints, where, and the exit codes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';
import { type Edge, openEdge, until } from './gateway-edge.ts';

let edge: Edge;
let folder: string;

beforeAll(async () => {
  edge = await openEdge();
  folder = mkdtempSync(join(tmpdir(), 'troupe-cli-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await edge.close();
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function troupe(args: readonly string[], options: { stdin?: string; signal?: AbortSignal } = {}): Promise<Ran> {
  const { signal, ...terminalOptions } = options;
  const terminal = recordedTerminal(terminalOptions);
  const address = `127.0.0.1:${edge.port}`;
  const code = await runCli([...args, '--address', address], { terminal, ...(signal && { signal }) });
  return { code, ...terminal.written };
}

function documents(out: string): Record<string, unknown>[] {
  return out
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function submitted(...more: readonly string[]): Promise<string> {
  const { code, out } = await troupe(['submit', 'test.echo', '{"a":1}', ...more]);
  expect(code).toBe(0);
  return out.trim();
}

async function end(id: string, how: 'succeed' | 'reject', output?: object): Promise<void> {
  const { run } = await edge.apply(id, { kind: 'claim', node: 'n1', token: `t-${id}` });
  const token = run?.token ?? '';
  if (how === 'succeed') {
    await edge.apply(id, {
      kind: 'report',
      token,
      outcome: { kind: 'succeeded', output: { kind: 'json', json: JSON.stringify(output) } },
    });
  } else {
    const failure = { reason: 'HANDLER_REJECTED', message: 'no such picture' } as const;
    await edge.apply(id, { kind: 'report', token, outcome: { kind: 'failed', failure, retryable: false } });
  }
}

describe('troupe submit and get', () => {
  it('prints the id alone, and the job in words or as JSON', async () => {
    const id = await submitted();
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    const words = await troupe(['get', id]);
    expect(words.code).toBe(0);
    expect(words.out).toMatch(/^state +QUEUED$/m);
    const { out } = await troupe(['get', id, '--json']);
    expect(documents(out)).toMatchObject([{ id, state: 'QUEUED', handler: 'test.echo', input: { a: 1 } }]);
  });

  it('reads input from standard input and from files', async () => {
    const piped = await troupe(['submit', 'test.echo', '--input-file', '-', '--json'], { stdin: '{"b":2}' });
    const [job] = documents(piped.out);
    const { out } = await troupe(['get', String(job?.['jobId']), '--json']);
    expect(documents(out)[0]?.['input']).toEqual({ b: 2 });
    const file = join(folder, 'picture.raw');
    writeFileSync(file, Buffer.from([1, 2, 3]));
    const { out: fileOut } = await troupe(['submit', 'test.echo', '--input-file', file]);
    const shown = await troupe(['get', fileOut.trim(), '--json']);
    expect(documents(shown.out)[0]?.['input']).toEqual({ bytes: 3 });
  });

  it('sends the text of JSON as it was given, from wherever it comes, and shows numbers as they were stored', async () => {
    const json = '{ "id":1970670598291982290,"f":1.10,"e":1e400, "n":-0 }';
    const shown = '"input":{"id":1970670598291982290,"f":1.10,"e":1e400,"n":-0}';
    const file = join(mkdtempSync(join(folder, 'exact-')), 'exact.json');
    // With the mark that editors of Windows put before it.
    writeFileSync(file, `\uFEFF${json}`);
    const ways: readonly [readonly string[], { stdin?: string }?][] = [
      [['submit', 'test.echo', json]],
      [['submit', 'test.echo', '--input-file', '-'], { stdin: json }],
      [['submit', 'test.echo', '--input-file', file]],
      [['submit', 'test.echo', '--each', file.replace('.json', '.*')]],
    ];
    for (const [args, options] of ways) {
      const { out } = await troupe(args, options);
      expect((await troupe(['get', out.trim(), '--json'])).out).toContain(shown);
      const pieces: Uint8Array[] = [];
      for await (const piece of edge.client().download(out.trim(), { payload: 'input' })) pieces.push(piece);
      expect(Buffer.concat(pieces).toString()).toBe(json);
    }
    const id = await submitted();
    await end(id, 'reject');
    const again = await troupe(['retry', id, '--input', json]);
    expect((await troupe(['get', again.out.trim(), '--json'])).out).toContain(shown);
  });

  it('goes on with the other files when one is no JSON, or no text, and says which', async () => {
    const mixed = mkdtempSync(join(folder, 'mixed-'));
    writeFileSync(join(mixed, 'a.json'), '{"a":1}');
    writeFileSync(join(mixed, 'b.json'), '{"a":');
    writeFileSync(join(mixed, 'c.json'), Buffer.from([0x22, 0xff, 0x22]));
    const { code, out, err } = await troupe(['submit', 'test.echo', '--each', join(mixed, '*.json')]);
    expect([code, out.trim().split('\n').length]).toEqual([2, 1]);
    expect(err).toMatch(/b\.json: .*b\.json is not valid JSON/);
    expect(err).toMatch(/c\.json: .*c\.json is not UTF-8 text/);
    const said = await troupe(['submit', 'test.echo', '--each', join(mixed, '*.json'), '--json']);
    expect(documents(said.err).map(({ label }) => label)).toEqual(['b.json', 'c.json']);
  });

  it('tells two files of one name apart by their paths', async () => {
    const twins = mkdtempSync(join(folder, 'twins-'));
    for (const name of ['x', 'y']) {
      mkdirSync(join(twins, name));
      writeFileSync(join(twins, name, 'same.json'), '{}');
    }
    const { out } = await troupe(['submit', 'test.echo', '--each', join(twins, '*/same.json'), '--key', 't', '--json']);
    expect(documents(out).map(({ label, duplicate }) => [label, duplicate])).toEqual([
      [join(twins, 'x', 'same.json'), false],
      [join(twins, 'y', 'same.json'), false],
    ]);
  });

  it('makes one job for each file, each with a key of its own, so that giving it again makes no more', async () => {
    for (const name of ['one.json', 'two.json', 'three.json']) writeFileSync(join(folder, name), '{}');
    const args = ['submit', 'test.echo', '--each', join(folder, '*.json'), '--key', 'run-1', '--json'];
    const first = documents((await troupe(args)).out);
    expect(first.map((job) => job['label'])).toEqual(['one.json', 'three.json', 'two.json']);
    const again = documents((await troupe(args)).out);
    expect(again.map((job) => job['jobId'])).toEqual(first.map((job) => job['jobId']));
    expect(again.every((job) => job['duplicate'])).toBe(true);
  });

  it.each([
    [['submit', 'test.echo', '{a'], 2, /is not valid JSON/],
    [['submit', 'test.echo', '{}', '--delay', '5'], 2, /--delay 5: write a duration/],
    [['submit', 'test.echo', '--each', '/nowhere/*.jpg'], 2, /no file matches/],
    [['submit', 'test.echo', '{}', '--input-file', 'x'], 2, /give the input only once/],
    [['submit', 'test.resize', '{"width":0}'], 2, /INVALID_JOB_SPEC[\s\S]*width/],
    [['submit', 'no.such', '{}'], 4, /UNKNOWN_HANDLER/],
    [['submit', 'test.echo', '{}', '--queue', 'none'], 4, /QUEUE_NOT_FOUND/],
    [['get', '01890000-0000-7000-8000-000000000000'], 4, /JOB_NOT_FOUND/],
    [['get'], 2, /missing required argument/],
    [['dance'], 2, /unknown command/],
  ])('%j ends with %i', async (args, code, text) => {
    const ran = await troupe(args);
    expect(ran.code).toBe(code);
    expect(ran.err).toMatch(text);
    expect(ran.out).toBe('');
  });

  it('says what is wrong as JSON when told to', async () => {
    const { err } = await troupe(['get', '01890000-0000-7000-8000-000000000000', '--json']);
    expect(documents(err)).toMatchObject([{ error: { code: 'JOB_NOT_FOUND', retryable: false } }]);
  });

  it('ends with 2 when the address is none', async () => {
    const terminal = recordedTerminal();
    expect(await runCli(['get', 'x', '--address', ''], { terminal })).toBe(2);
    expect(terminal.written.err).toMatch(/address : /);
  });

  it('ends with 3 when nothing listens', async () => {
    const terminal = recordedTerminal();
    const code = await runCli(['get', 'x', '--address', '127.0.0.1:1'], { terminal });
    expect(code).toBe(3);
    expect(terminal.written.err).toMatch(/npm start/);
  });
});

describe('troupe watch, wait and cancel', () => {
  it('follows a job to its end and ends as the job did', async () => {
    const id = await submitted();
    const watching = troupe(['watch', id, '--json']);
    await until('a watch is open', () => edge.watchers() > 0);
    await end(id, 'succeed', { answer: 42 });
    const { code, out } = await watching;
    expect(code).toBe(0);
    expect(documents(out).at(-1)).toMatchObject({ id, state: 'SUCCEEDED', output: { answer: 42 } });
  });

  it('ends with 1 when a job failed, and says why', async () => {
    const waiting = troupe(['submit', 'test.echo', '{}', '--key', 'will-fail', '--watch']);
    await until('it is watched', () => edge.watchers() > 0);
    const { out } = await troupe(['submit', 'test.echo', '{}', '--key', 'will-fail']);
    await end(out.trim(), 'reject');
    const { code, err } = await waiting;
    expect(code).toBe(1);
    expect(err).toContain('FAILED: HANDLER_REJECTED no such picture');
  });

  it('says of each of many jobs which file it was and why it failed', async () => {
    const two = mkdtempSync(join(folder, 'two-'));
    for (const name of ['lion', 'tiger']) writeFileSync(join(two, `${name}.json`), '{}');
    const args = ['submit', 'test.echo', '--each', join(two, '*.json'), '--key', two];
    const waiting = Promise.all([troupe([...args, '--wait']), troupe([...args, '--wait', '--json'])]);
    await until('all are watched', () => edge.watchers() > 3);
    const [lion = '', tiger = ''] = (await troupe(args)).out.trim().split('\n');
    await end(lion, 'reject');
    await end(tiger, 'succeed', {});
    const [words, json] = await waiting;
    expect([words.code, json.code]).toEqual([1, 1]);
    expect(words.out).toContain(`lion.json  ${lion}  FAILED: HANDLER_REJECTED no such picture\n`);
    expect(words.out).toContain(`tiger.json  ${tiger}  SUCCEEDED`);
    expect(words.err).toBe('submitted 2 jobs\n');
    const ends = documents(json.out).map(({ label, state, failure }) => [label, state, failure]);
    expect(ends).toEqual([
      ['lion.json', 'FAILED', { reason: 'HANDLER_REJECTED', message: 'no such picture' }],
      ['tiger.json', 'SUCCEEDED', undefined],
    ]);
  });

  it('says the id first, and where the job is found when nobody waits for it any more', async () => {
    for (const flag of ['--watch', '--wait']) {
      await until('nothing else is watched', () => edge.watchers() === 0);
      const stop = new AbortController();
      const waiting = troupe(['submit', 'test.echo', '{}', flag], { signal: stop.signal });
      await until('it is watched', () => edge.watchers() > 0);
      stop.abort();
      const { code, err } = await waiting;
      expect(code).toBe(130);
      const [, id = ''] = /^submitted (\S+)\n/.exec(err) ?? [];
      expect(err).toContain(`the job continues; follow it with: troupe watch ${id} --address 127.0.0.1:${edge.port}\n`);
    }
  });

  it('shows and changes the other jobs when one is not there, and names that one', async () => {
    const [a, b] = [await submitted('--delay', '1h'), await submitted('--delay', '1h')];
    const gone = '01890000-0000-7000-8000-000000000000';
    for (const args of [['get'], ['cancel'], ['watch']]) {
      const { code, out, err } = await troupe([...args, a, gone, b, ...(args[0] === 'watch' ? ['--json'] : [])]);
      expect(code).toBe(4);
      expect(out).toMatch(new RegExp(`${a}[\\s\\S]*${b}|${b}[\\s\\S]*${a}`));
      expect(err).toContain(gone);
      expect(err).toContain('JOB_NOT_FOUND');
    }
  });

  it('writes outputs to files', async () => {
    const outputs = join(folder, 'outputs');
    const waiting = troupe(['submit', 'test.echo', '{}', '--key', 'has-output', '--output-dir', outputs]);
    await until('it is watched', () => edge.watchers() > 0);
    const { out } = await troupe(['submit', 'test.echo', '{}', '--key', 'has-output']);
    const id = out.trim();
    await end(id, 'succeed', { answer: 42 });
    expect((await waiting).code).toBe(0);
    expect(readdirSync(outputs)).toEqual([`${id}.json`]);
    expect(JSON.parse(readFileSync(join(outputs, `${id}.json`), 'utf8'))).toEqual({ answer: 42 });
    const copy = join(folder, 'copy.json');
    expect((await troupe(['get', id, '--output', copy])).code).toBe(0);
    expect(JSON.parse(readFileSync(copy, 'utf8'))).toEqual({ answer: 42 });
  });

  it('cancels, says so to those who watch, and refuses what has ended', async () => {
    const id = await submitted();
    const watching = troupe(['watch', id]);
    await until('a watch is open', () => edge.watchers() > 0);
    const { code, out } = await troupe(['cancel', id, '--reason', 'not needed', '--wait']);
    expect(code).toBe(0);
    expect(out).toBe(`${id}  CANCELLED: not needed\n`);
    expect((await watching).code).toBe(6);
    const done = await submitted();
    await end(done, 'succeed', {});
    expect(await troupe(['cancel', done])).toMatchObject({ code: 5, out: '' });
  });

  it('finds what failed for a reason', async () => {
    const id = await submitted();
    await end(id, 'reject');
    const found = documents((await troupe(['list', '--reason', 'handler_rejected', '--json'])).out);
    expect(found.map((job) => job['id'])).toContain(id);
    expect(found.every((job) => job['state'] === 'FAILED')).toBe(true);
    expect((await troupe(['list', '--reason', 'POISON', '--json'])).out).toBe('');
    const soon = new Date(Date.now() + 60_000).toISOString();
    expect((await troupe(['list', '--state', 'FAILED', '--ended-from', soon, '--json'])).out).toBe('');
    expect(await troupe(['list', '--reason', 'fate'])).toMatchObject({ code: 2 });
  });

  it('moves what waits for its time', async () => {
    const id = await submitted('--delay', '1h');
    const moved = await troupe(['reschedule', id, '--delay', '2h']);
    expect(moved).toMatchObject({
      code: 0,
      out: expect.stringMatching(`^${id}  SCHEDULED.*in (2h|1h 59m)`) as unknown,
    });
    const at = new Date(Date.now() + 3 * 3_600_000).toISOString();
    const [job] = documents((await troupe(['reschedule', id, '--at', at, '--json'])).out);
    expect(job).toMatchObject({ id, readyAt: at });
    expect((await troupe(['reschedule', id, '--delay', '30d'])).err).toContain('run_time');
    expect(await troupe(['reschedule', id, '--now'])).toMatchObject({ code: 0, out: `${id}  QUEUED\n` });
    expect((await troupe(['reschedule', id, '--now', '--delay', '1m'])).err).toContain('give exactly one of');
  });

  it('follows the jobs of a queue, a line for each change, until it is interrupted; goes on from a token', async () => {
    async function follow(flags: readonly string[], act: () => Promise<unknown>, shows: RegExp): Promise<string> {
      const stop = new AbortController();
      const terminal = recordedTerminal({});
      const args = ['follow', ...flags, '--address', `127.0.0.1:${edge.port}`];
      const code = runCli(args, { terminal, signal: stop.signal });
      await until('it follows', () => edge.followers() > 0);
      await act();
      await until('it has told', () => shows.test(terminal.written.out));
      stop.abort();
      expect(await code).toBe(130);
      return terminal.written.out;
    }
    let id = '';
    const submitAndEnd = async (): Promise<void> => {
      id = await submitted();
      await end(id, 'succeed', {});
    };
    const out = await follow(['--state', 'SUCCEEDED', '--json'], submitAndEnd, /SUCCEEDED/);
    const [first, change] = documents(out);
    expect(first).toEqual({ gap: false, resumeToken: expect.any(String) as string });
    expect(change).toMatchObject({ gap: false, job: { id, state: 'SUCCEEDED' } });
    const token = String(first?.['resumeToken']);
    const words = await follow(['--resume', token], () => Promise.resolve(), /SUCCEEDED/);
    expect(words).toMatch(new RegExp(`^${id}  test.echo  SUCCEEDED`, 'm'));
    await until('the watches are closed', () => edge.followers() === 0);
  });

  it('ends when nobody reads on: well, unless it was to say how a job ends', async () => {
    const address = ['--address', `127.0.0.1:${edge.port}`];
    const follower = recordedTerminal();
    const following = runCli(['follow', ...address], { terminal: follower });
    await until('a follower waits', () => edge.followers() > 0);
    follower.close();
    expect([await following, follower.written.err]).toEqual([0, '']);
    const id = await submitted();
    const watcher = recordedTerminal();
    const watching = runCli(['watch', id, ...address], { terminal: watcher });
    await until('a watch is open', () => edge.watchers() > 0);
    watcher.close();
    expect([await watching, watcher.written.err]).toEqual([141, '']);
    const full = recordedTerminal();
    full.close(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }));
    expect(await runCli(['nodes', ...address], { terminal: full })).toBe(8);
    expect(full.written.err).toContain('the results cannot be written: ENOSPC');
    await until('all is closed', () => edge.watchers() === 0 && edge.followers() === 0);
  });

  it('is a process that ends with 0 when its pipe is closed', async () => {
    const args = ['src/cli/main.ts', 'follow', '--address', `127.0.0.1:${edge.port}`];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let complaints = '';
    child.stderr.on('data', (text) => (complaints += String(text)));
    const ended = once(child, 'exit');
    await until('a follower waits', () => edge.followers() > 0);
    child.stdout.destroy();
    // A line that nobody reads.
    await end(await submitted(), 'succeed', {});
    const [code] = (await ended) as [number];
    expect([code, complaints.replaceAll(/.*Warning.*\n?/g, '')]).toEqual([0, '']);
  });

  it('stops waiting when it is interrupted, and leaves the job alone', async () => {
    const id = await submitted();
    const stop = new AbortController();
    const watching = troupe(['watch', id], { signal: stop.signal });
    await until('a watch is open', () => edge.watchers() > 0);
    stop.abort();
    expect((await watching).code).toBe(130);
    expect((await troupe(['get', id])).out).toContain('QUEUED');
    await until('the watch is closed', () => edge.watchers() === 0);
  });
});

describe('troupe list and queues', () => {
  it('makes, shows, changes and lists queues', async () => {
    const created = await troupe(['queues', 'create', 'pictures', '--max-attempts', '7', '--json']);
    expect(documents(created.out)).toMatchObject([
      { name: 'pictures', version: 1, settings: { retry: { maxAttempts: 7 } } },
    ]);
    const updated = await troupe(['queues', 'update', 'pictures', '--execution-timeout', '90s', '--json']);
    expect(documents(updated.out)).toMatchObject([
      { version: 2, settings: { executionTimeoutMs: 90_000, retry: { maxAttempts: 7 } } },
    ]);
    expect((await troupe(['queues', 'get', 'pictures'])).out).toMatch(/pictures +1m 30s +7 /);
    expect((await troupe(['queues', 'stats', 'pictures'])).out).toMatch(/^waiting +0\n/m);
    expect((await troupe(['queues', 'list'])).out).toMatch(/^default .*\n^pictures /m);
    const codes = ['--non-retryable-code', 'ENOENT', '--non-retryable-code', 'NO_CARD'];
    const picky = await troupe(['queues', 'update', 'pictures', ...codes, '--json']);
    expect(documents(picky.out)[0]).toMatchObject({
      settings: { retry: { nonRetryableCodes: ['ENOENT', 'NO_CARD'] } },
    });
    const job = await submitted('--queue', 'pictures', '--non-retryable-code', 'none');
    const shown = documents((await troupe(['get', job, '--json'])).out);
    expect(shown[0]?.['retry']).toEqual({
      maxAttempts: 7,
      maxLosses: 24,
      initialDelayMs: 1_000,
      coefficient: 2,
      maxDelayMs: 60_000,
    });
    const pulsing = await troupe(['queues', 'update', 'pictures', '--heartbeat-timeout', '30s', '--json']);
    expect(documents(pulsing.out)[0]).toMatchObject({ settings: { heartbeatTimeoutMs: 30_000 } });
    const args = ['queues', 'update', 'pictures', '--retention', '1d', '--if-version', '1'];
    expect(await troupe(args)).toMatchObject({ code: 5 });
    expect((await troupe(['get', job, '--why'])).out).toMatch(/^waits +BEHIND_OTHERS: /m);
    const limited = await troupe(['queues', 'update', 'pictures', '--max-depth', '9', '--max-bytes', '99', '--json']);
    expect(documents(limited.out)[0]).toMatchObject({ settings: { maxDepth: 9, maxBytes: 99 } });
    expect((await troupe(['queues', 'purge', 'pictures'])).out).toBe('1 cancelled, 0 refused\n');
    expect((await troupe(['get', job])).out).toContain('CANCELLED: the queue was purged');
    expect(await troupe(['queues', 'create', 'pictures'])).toMatchObject({ code: 5 });
    expect(await troupe(['queues', 'update', 'pictures'])).toMatchObject({ code: 2 });
  });

  it('lists newest first, up to the limit', async () => {
    await troupe(['queues', 'create', 'listed']);
    const ids: string[] = [];
    for (let number = 0; number < 3; number += 1) ids.push(await submitted('--queue', 'listed'));
    const { out } = await troupe(['list', '--queue', 'listed', '--limit', '2', '--json']);
    expect(documents(out)).toHaveLength(2);
    expect(ids).toEqual(expect.arrayContaining(documents(out).map((job) => job['id'])));
    const [first = ''] = ids.toSorted();
    expect(documents((await troupe(['list', '--queue', 'listed', '--oldest', '--json'])).out)[0]).toMatchObject({
      id: first,
    });
    const table = await troupe(['list', '--queue', 'listed']);
    expect(table.out.split('\n')[0]).toMatch(/^JOB +HANDLER +ATTEMPT +CREATED +STATE$/);
    expect(await troupe(['list', '--queue', 'default', '--limit', '0'])).toMatchObject({ code: 2 });
  });

  it('submits ended jobs again, one by one and by filter, and cancels by filter', async () => {
    await troupe(['queues', 'create', 'again']);
    const id = await submitted('--queue', 'again');
    expect(await troupe(['retry', id])).toMatchObject({ code: 5, err: expect.stringContaining('QUEUED') as string });
    await end(id, 'reject');
    const again = (await troupe(['retry', id, '--input', '{"a":2}'])).out.trim();
    expect(documents((await troupe(['get', again, '--json'])).out)).toMatchObject([{ retryOf: id, input: { a: 2 } }]);
    expect((await troupe(['redrive', '--queue', 'again'])).out).toBe('1 submitted again, 0 refused\n');
    const cancelled = await troupe(['cancel', '--queue', 'again', '--reason', 'enough', '--json']);
    expect(documents(cancelled.out)).toEqual([{ done: 2, refused: 0 }]);
    for (const bad of [
      ['cancel'],
      ['cancel', id, '--queue', 'again'],
      ['retry', id, '--input', '{'],
      ['redrive', '--rate', '0'],
    ]) {
      expect(await troupe(bad)).toMatchObject({ code: 2 });
    }
  });

  it('finds jobs by label, handler, state and time', async () => {
    await troupe(['queues', 'create', 'labelled']);
    const blue = await submitted('--queue', 'labelled', '--label', 'team=blue', '--label', 'urgent=yes');
    await submitted('--queue', 'labelled', '--label', 'team=red');
    const found = async (...flags: string[]): Promise<unknown[]> => {
      const { out } = await troupe(['list', '--queue', 'labelled', '--json', ...flags]);
      return documents(out).map((job) => job['id']);
    };
    expect(await found('--label', 'team=blue')).toEqual([blue]);
    expect(await found('--label', 'team=blue', '--label', 'urgent=no')).toEqual([]);
    expect(await found('--handler', 'no.such')).toEqual([]);
    expect(await found('--state', 'cancelled')).toEqual([]);
    expect(await found('--from', '2001-01-01T00:00:00Z')).toHaveLength(2);
    expect(await found('--before', '2001-01-01T00:00:00Z')).toEqual([]);
    expect((await troupe(['get', blue])).out).toMatch(/^labels +team=blue urgent=yes$/m);
    for (const bad of [
      ['--state', 'gone'],
      ['--label', 'team'],
      ['--label', '-=x'],
    ]) {
      expect(await troupe(['list', ...bad])).toMatchObject({ code: 2 });
    }
  });
});
