/**
 * Measures gRPC alone: 64 callers of a unary echo in another process; the same messages on one bidirectional stream;
 * and calls with 64 and 500 items of 300 bytes, like coalesced submits and batches, counted in items.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Client, credentials, type ServiceDefinition } from '@grpc/grpc-js';
import { setTimeout as sleep } from 'node:timers/promises';
import { inFlight, type Percentiles, percentilesOf, ratesOf, type Sample } from '../harness/statistics.ts';
import { serveTask } from '../harness/task.ts';
import { echoChannelOptions, type Items, loadEchoService } from './grpc-echo-service.ts';

export interface GrpcInput {
  readonly calls: number;
  readonly idleCalls: number;
  readonly runs: number;
}

export interface GrpcLimits {
  /** Calls per second. */
  readonly unary: Sample;
  /** Latency of single calls with pauses of `idlePauseMs`. */
  readonly idleUnaryMs: Percentiles;
  /** Messages per second, there and back. */
  readonly stream: Sample;
  /** Items per second. */
  readonly itemsBy64: Sample;
  readonly itemsBy500: Sample;
}

const callers = 64;
const idlePauseMs = 5;
/** As in W1 with 64 callers: while one call is answered, the others gather for the next. */
const batchesInFlight = 2;

function messageOf(items: number): Items {
  const json = JSON.stringify({ text: 'x'.repeat(289) });
  return { items: Array.from({ length: items }, () => ({ id: '01a207e0-66ae-7001-8000-0557989ebbd0', json })) };
}

function unaryOf(client: Client, service: ServiceDefinition): (message: Items) => Promise<Items> {
  const method = service['Echo'];
  if (method === undefined) throw new Error('no method Echo');
  return (message) =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest<Items, Items>(
        method.path,
        method.requestSerialize,
        method.responseDeserialize as (bytes: Buffer) => Items,
        message,
        (error, answer) => {
          if (error === null && answer !== undefined) resolve(answer);
          else reject(error ?? new Error('no answer'));
        },
      );
    });
}

/** All messages over one stream, `callers` of them in flight. */
function streamOf(client: Client, service: ServiceDefinition): (messages: number) => Promise<void> {
  const method = service['EchoStream'];
  if (method === undefined) throw new Error('no method EchoStream');
  return (messages) =>
    new Promise((resolve, reject) => {
      const message = messageOf(1);
      const decode = method.responseDeserialize as (bytes: Buffer) => Items;
      const call = client.makeBidiStreamRequest<Items, Items>(method.path, method.requestSerialize, decode);
      let sent = 0;
      let answered = 0;
      const send = (): void => {
        sent += 1;
        call.write(message);
      };
      call.on('data', () => {
        answered += 1;
        if (answered === messages) call.end();
        else if (sent < messages) send();
      });
      call.on('end', resolve);
      call.on('error', reject);
      for (let caller = 0; caller < Math.min(callers, messages); caller += 1) send();
    });
}

async function idleCalls(unary: (message: Items) => Promise<Items>, count: number): Promise<Percentiles> {
  const message = messageOf(1);
  const tookMs: number[] = [];
  for (let index = 0; index < count; index += 1) {
    await sleep(idlePauseMs);
    const startedMs = performance.now();
    await unary(message);
    tookMs.push(performance.now() - startedMs);
  }
  return percentilesOf(tookMs);
}

async function measure({ calls, idleCalls: idleCount, runs }: GrpcInput): Promise<GrpcLimits> {
  const server = fork(fileURLToPath(new URL('./grpc-echo-server.ts', import.meta.url)));
  try {
    const [{ port }] = (await once(server, 'message')) as [{ port: number }];
    const service = loadEchoService();
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), echoChannelOptions);
    const unary = unaryOf(client, service);
    const stream = streamOf(client, service);
    const one = messageOf(1);
    const items = (size: number): Promise<Sample> => {
      const message = messageOf(size);
      const batches = Math.ceil((calls * 4) / size);
      return ratesOf(runs, batches * size, () => inFlight(batches, batchesInFlight, () => unary(message)));
    };
    const result = {
      unary: await ratesOf(runs, calls, () => inFlight(calls, callers, () => unary(one))),
      idleUnaryMs: await idleCalls(unary, idleCount),
      stream: await ratesOf(runs, calls * 2, () => stream(calls * 2)),
      itemsBy64: await items(64),
      itemsBy500: await items(500),
    };
    client.close();
    return result;
  } finally {
    server.kill('SIGKILL');
  }
}

serveTask(measure);
