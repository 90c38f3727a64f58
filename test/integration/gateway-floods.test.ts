/**
 * Attacks with real frames on a gateway in a process of its own. Each goes on while a client that behaves well calls:
 * all its calls are answered, the attackers are cut or refused, and the memory of the gateway stays bounded.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:http2';
import { fileURLToPath } from 'node:url';
import { createGzip } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { loadContract } from '../../src/contract/codec.ts';
import { growthMib, peaksAreTold } from '../support/peak-memory.ts';
import { callHeaders, endHeaders, endStream, frame, frames, header, RawConnection } from '../support/raw-frames.ts';
import { until } from './gateway-edge.ts';

const mib = 1_048_576;
const calm = constants.NGHTTP2_ENHANCE_YOUR_CALM;
const growthMaxMib = 256;
const startMaxMs = 1_000;
const { jobs } = loadContract();
const submit = callHeaders(jobs.SubmitJob.path);

interface Calls {
  readonly durationsMs: readonly number[];
  readonly failures: readonly string[];
}

let edge: ChildProcess;
let caller: ChildProcess;
let port: number;
let usualMs: number;
const attackers: RawConnection[] = [];

function started(main: string, argument: string): ChildProcess {
  return fork(fileURLToPath(new URL(`../support/${main}`, import.meta.url)), [argument], { execArgv: [] });
}

async function asked<T>(child: ChildProcess): Promise<T> {
  const answer = once(child, 'message') as Promise<[T]>;
  child.send('?');
  return (await answer)[0];
}

const medianOf = ({ durationsMs }: Calls): number =>
  durationsMs.toSorted((a, b) => a - b)[durationsMs.length >> 1] ?? 0;

async function metric(line: RegExp): Promise<number> {
  return Number(line.exec(await asked<string>(edge))?.[1] ?? 0);
}

const cuts = (reason: string): Promise<number> =>
  metric(new RegExp(`^troupe_grpc_connections_cut_total\\{server="gateway",reason="${reason}"\\} (\\d+)`, 'm'));
const connections = (): Promise<number> => metric(/^troupe_grpc_connections\{server="gateway"\} (\d+)/m);

beforeAll(async () => {
  edge = started('edge-main.ts', JSON.stringify({ payloadMaxBytes: 16 * mib, connections: { startMaxMs } }));
  [port] = (await once(edge, 'message')) as [number];
  caller = started('steady-caller-main.ts', `127.0.0.1:${port}`);
  await calledMore(300);
  await asked(caller);
  usualMs = medianOf(await calledMore(300));
});
afterEach(async () => {
  for (const { socket } of attackers.splice(0)) socket.destroy();
  await until('the connections are let go of', async () => (await connections()) <= 1);
});
afterAll(() => {
  caller.disconnect();
  edge.disconnect();
});

/** So many more calls of the client that behaves well, since it was last asked. */
async function calledMore(count: number): Promise<Calls> {
  const all = { durationsMs: [] as number[], failures: [] as string[] };
  await until('the client goes on', async () => {
    const { durationsMs, failures } = await asked<Calls>(caller);
    all.durationsMs.push(...durationsMs);
    all.failures.push(...failures);
    return all.durationsMs.length >= count;
  });
  return all;
}

async function open(options: { readonly silent?: boolean } = {}): Promise<RawConnection> {
  const connection = await RawConnection.open(port, options);
  attackers.push(connection);
  return connection;
}

/** Attacks while the other client calls, and it calls for a while longer. */
async function survives(name: string, attack: () => Promise<unknown>): Promise<void> {
  await asked(caller);
  let during: Calls = { durationsMs: [], failures: [] };
  const attackAndCall = async (): Promise<void> => {
    await attack();
    during = await calledMore(20);
  };
  let grownMib = 0;
  if (peaksAreTold) [grownMib = 0] = await growthMib([edge.pid ?? 0], attackAndCall);
  else await attackAndCall();
  const ratio = (medianOf(during) / usualMs).toFixed(2);
  process.stderr.write(
    `measured: ${name}: ${during.durationsMs.length} calls, ${ratio} x their time, +${grownMib} MiB\n`,
  );
  expect(during.failures).toEqual([]);
  expect(grownMib).toBeLessThan(growthMaxMib);
}

/** Writes until the connection is cut. Returns how often. */
async function cutOff(connection: RawConnection, bytes: Uint8Array, timesMax: number): Promise<number> {
  let times = 0;
  while (times < timesMax && (await connection.write(bytes))) times += 1;
  await until('it is cut', () => connection.isOver);
  return times;
}

const repeated = (bytes: Uint8Array, times: number): Buffer =>
  Buffer.concat(Array.from({ length: times }, () => bytes));

it('2,000 idle connections: 1,024 of one address stay, those idle longest go', async () => {
  await survives('idle connections', async () => {
    for (let batch = 0; batch < 40; batch += 1) await Promise.all(Array.from({ length: 50 }, () => open()));
    const stay = (): number => attackers.filter(({ isOver }) => !isOver).length;
    await until('the others are gone', () => stay() <= 1_024);
    expect(stay()).toBeGreaterThan(1_000);
    expect(await connections()).toBeLessThanOrEqual(1_024);
    expect(await cuts('room')).toBeGreaterThan(900);
  });
});

it('connections that say nothing are cut', async () => {
  await survives('silent connections', async () => {
    await Promise.all(Array.from({ length: 200 }, () => open({ silent: true })));
    await until('all are cut', () => attackers.every(({ isOver }) => isOver));
    expect(await cuts('slow_start')).toBe(200);
  });
});

it.each([
  ['pings', frame(frames.ping, 0, 0, Buffer.alloc(8)), 500, 'too_many_pings'],
  ['settings', frame(frames.settings, 0, 0), 100, 'too_many_settings'],
])('a flood of %s ends its connection', async (name, one, most, why) => {
  await survives(name, async () => {
    const connection = await open();
    const before = await cuts('flood');
    // Within the burst nothing happens to it.
    await connection.write(repeated(one, most - 10));
    await connection.write(frame(frames.headers, endHeaders | endStream, 1, submit));
    await until('a call is answered', () => connection.answered.has(1));
    await connection.write(repeated(one, most + 100));
    await until('it is cut', () => connection.isOver);
    expect(await cuts('flood')).toBe(before + 1);
    expect(connection.goaways[0]).toEqual({ code: calm, text: why });
  });
});

it('calls that are reset at once end their connections', async () => {
  await survives('rapid resets', async () => {
    const flood = async (code: number): Promise<void> => {
      const connection = await open();
      const reset = Buffer.from([0, 0, 0, code]);
      for (let stream = 1; stream < 60_000; stream += 200) {
        const calls = Array.from({ length: 100 }, (_, n) => [
          frame(frames.headers, endHeaders, stream + 2 * n, submit),
          frame(frames.reset, 0, stream + 2 * n, reset),
        ]);
        if (!(await connection.write(Buffer.concat(calls.flat())))) break;
      }
      await until('it is told to go', () => connection.isOver || connection.goaways.length > 0);
    };
    await Promise.all([8, 0, 2, 8, 8].map(flood));
  });
});

it('headers that never end are cut', async () => {
  await survives('CONTINUATION', async () => {
    const connection = await open();
    await connection.write(frame(frames.headers, 0, 1, submit));
    const more = frame(frames.more, 0, 1, header('x-more', 'x'.repeat(1_000)));
    expect(await cutOff(connection, more, 10_000)).toBeLessThan(10_000);
    expect(connection.answered.size).toBe(0);
  });
});

it('headers that are small, and become large, are refused', async () => {
  await survives('HPACK', async () => {
    const connection = await open();
    // One entry of 4,000 bytes, then 1,000 references of one byte to it, in each call.
    const large = header('x-large', 'x'.repeat(3_950), true);
    for (let stream = 1; stream < 2_000; stream += 2) {
      const block = Buffer.concat([submit, stream === 1 ? large : Buffer.alloc(0), Buffer.alloc(1_000, 0x80 + 62)]);
      await connection.write(frame(frames.headers, endHeaders | endStream, stream, block));
    }
    await until('all are refused', () => connection.isOver || connection.resets.size === 1_000);
    expect([...new Set(connection.resets.values())]).toEqual([calm]);
    expect(connection.answered.size).toBe(0);
  });
});

it('empty frames of data are cut', async () => {
  await survives('empty DATA', async () => {
    const connection = await open();
    await connection.write(frame(frames.headers, endHeaders, 1, submit));
    const empty = repeated(frame(frames.data, 0, 1), 500);
    expect(await cutOff(connection, empty, 1_000)).toBeLessThan(1_000);
  });
});

it('small requests that never end are held in a bounded number', async () => {
  await survives('unfinished calls', async () => {
    const flooding = await Promise.all(Array.from({ length: 12 }, () => open()));
    for (const connection of flooding) {
      const calls = Array.from({ length: 1_000 }, (_, n) => frame(frames.headers, endHeaders, 1 + 2 * n, submit));
      await connection.write(Buffer.concat(calls));
    }
    const closed = (): number => flooding.reduce((sum, { resets }) => sum + resets.size, 0);
    await until('the oldest are closed', () => closed() >= 12_000 - 4_096);
  });
});

it('a message that inflates to 512 MiB is refused when it passes what a message may be', async () => {
  const gzip = createGzip();
  const chunks: Buffer[] = [];
  gzip.on('data', (chunk: Buffer) => chunks.push(chunk));
  for (let n = 0; n < 512; n += 1) if (!gzip.write(Buffer.alloc(mib))) await once(gzip, 'drain');
  gzip.end();
  await once(gzip, 'end');
  const bomb = Buffer.concat(chunks);
  const head = Buffer.from([1, 0, 0, 0, 0]);
  head.writeUInt32BE(bomb.byteLength, 1);
  const message = Buffer.concat([head, bomb]);
  const block = Buffer.concat([submit, header('grpc-encoding', 'gzip')]);
  await survives('gzip', async () => {
    const connection = await open();
    await connection.write(frame(frames.headers, endHeaders, 1, block));
    for (let at = 0; at < message.byteLength; at += 16_384) {
      const isLast = at + 16_384 >= message.byteLength;
      await connection.write(frame(frames.data, isLast ? endStream : 0, 1, message.subarray(at, at + 16_384)));
    }
    await until('it is refused', () => connection.answered.has(1) || connection.resets.has(1));
  });
});

it.each([
  ['WINDOW_UPDATE', frame(frames.update, 0, 0, Buffer.from([0, 0, 0, 1]))],
  ['PRIORITY', frame(frames.priority, 0, 1, Buffer.from([0, 0, 0, 0, 16]))],
  ['unknown', frame(77, 0, 0, Buffer.alloc(8))],
])('frames that mean nothing keep nobody out: %s', async (name, one) => {
  await survives(name, async () => {
    const connection = await open();
    const many = repeated(one, 5_000);
    for (let times = 0; times < 400; times += 1) if (!(await connection.write(many))) break;
  });
});
