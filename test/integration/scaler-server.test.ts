// The scaler on a real socket, asked by a client that knows KEDA's contract and nothing of Troupe.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, status as grpc } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPrometheusTelemetry } from '../../src/adapters/telemetry/prometheus.ts';
import { createClusterLoadReader } from '../../src/application/scaling/cluster-load.ts';
import { createWorkerDemand } from '../../src/application/scaling/worker-demand.ts';
import { type ClusterLoad, noLoad } from '../../src/domain/demand.ts';
import { TroupeError } from '../../src/domain/errors.ts';
import type { FlowRule } from '../../src/domain/flow-rule.ts';
import { defaultQueueSettings } from '../../src/domain/queue.ts';
import { noStats } from '../../src/domain/queue-stats.ts';
import type { GrpcListener } from '../../src/gateway/grpc-listener.ts';
import { ListenError } from '../../src/gateway/listen-error.ts';
import { createScaler, type ScalerOptions } from '../../src/gateway/scaler-server.ts';
import { fixedTls } from '../support/fixed-tls.ts';
import { makeCertificates } from '../support/certificates.ts';
import { Keda } from '../support/keda.ts';
import { memoryQuarantines } from '../support/queue-marks.ts';
import { realClock, silentLog } from '../support/stores.ts';
import { until } from './gateway-edge.ts';

const general = { workerClass: 'general', slotsPerPod: '4' };

/** What the cluster is like, for one test. */
const cluster: {
  load: ClusterLoad;
  silent: boolean;
  asked: number;
  flow: FlowRule;
  quarantines: ReturnType<typeof memoryQuarantines>;
} = { load: noLoad, silent: false, asked: 0, flow: {}, quarantines: memoryQuarantines() };
const opened: { stop(): Promise<void> }[] = [];
const clients: Keda[] = [];
const telemetry = createPrometheusTelemetry();

beforeEach(() => {
  cluster.load = noLoad;
  cluster.silent = false;
  cluster.flow = {};
  cluster.quarantines = memoryQuarantines();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const each of opened.splice(0)) await each.stop();
});

function scaler(options: Partial<ScalerOptions> = {}): GrpcListener {
  const call = async (): Promise<ClusterLoad> => {
    cluster.asked += 1;
    if (cluster.silent) throw new TroupeError('SHARD_UNAVAILABLE');
    return cluster.load;
  };
  const queueOf = (name: string) => ({
    tenant: 'default',
    name,
    queueNo: 1,
    version: 1,
    createdAtMs: 0,
    updatedAtMs: 0,
    settings: { ...defaultQueueSettings, flow: cluster.flow },
  });
  const made = createScaler({
    demand: createWorkerDemand({
      known: { lastSeen: () => undefined },
      load: createClusterLoadReader({
        batcher: { call: call },
        shardCount: 1,
        clock: realClock,
      }),
      membership: { nodes: () => [] },
      catalog: { find: async (_tenant, name) => (name === 'absent' ? undefined : queueOf(name)) },
      quarantines: cluster.quarantines,
      // Runs of 3 s: the bucket from 2,896 to 3,444 ms.
      stats: {
        read: async () => ({ stats: { ...noStats, runs: [...Array.from({ length: 47 }, () => 0), 1] } }) as never,
      },
      clock: realClock,
    }),
    host: '127.0.0.1',
    port: 0,
    insecure: false,
    log: silentLog,
    telemetry,
    clock: realClock,
    ...options,
  });
  opened.push({ stop: () => made.stop(200) });
  return made;
}

async function open(options: Partial<ScalerOptions> = {}): Promise<Keda> {
  const { port } = await scaler(options).start();
  const client = new Keda(`127.0.0.1:${port}`);
  clients.push(client);
  return client;
}

function waits(jobs: number, queue = 'default'): ClusterLoad {
  return { ...noLoad, waiting: [{ tenant: 'default', queue, handler: 'a', jobs }] };
}

describe('the scaler', () => {
  it('names the metric of a class, with the slots of a pod as its target', async () => {
    const keda = await open();
    expect(await keda.spec(general)).toEqual([
      { metricName: 'troupe-demand-general', targetSize: '4', targetSizeFloat: 4 },
    ]);
  });

  it('tells the demand in both fields, and whether there is any', async () => {
    const keda = await open();
    expect(await keda.isActive(general)).toBe(false);
    cluster.load = waits(9);
    await until('the answer is made anew', () => keda.isActive(general));
    expect(await keda.metrics(general, 'troupe-demand-general')).toEqual([
      { metricName: 'troupe-demand-general', metricValue: '9', metricValueFloat: 9 },
    ]);
    expect(await telemetry.metricsText()).toContain(
      'troupe_worker_demand_slots{worker_class="general",standing="waiting"} 9',
    );
  });

  it.each<[string, FlowRule, number]>([
    ['a pause', { paused: true }, 0],
    ['most that may run', { maxRunning: 5 }, 5],
    ['a rate', { rate: { perSecond: 2, burst: 1 } }, 8],
  ])('lets %s of the queue cap what waits', async (_what, flow, demand) => {
    cluster.flow = flow;
    cluster.load = waits(100);
    expect(await (await open()).demand(general)).toBe(demand);
  });

  it('counts nothing that waits in a queue in quarantine, but for one of a single node', async () => {
    cluster.load = waits(3);
    await cluster.quarantines.put({ tenant: 'default', queue: 'default', node: 'n1', reason: '', sinceMs: 1 });
    const keda = await open();
    expect(await keda.demand(general)).toBe(3);
    await cluster.quarantines.put({ tenant: 'default', queue: 'default', reason: '', sinceMs: 1 });
    expect(await keda.demand(general)).toBe(0);
  });

  it('pushes what is so at once, and then each change', async () => {
    const keda = await open();
    const { seen, cancel, ended } = keda.stream(general);
    await until('the first word comes', () => seen.length === 1);
    cluster.load = waits(1);
    await until('the change comes', () => seen.length === 2);
    // A silence is no change, and nothing is forgotten over it.
    cluster.silent = true;
    cluster.load = noLoad;
    const { asked } = cluster;
    await until('the shard is asked in vain', () => cluster.asked > asked);
    expect(seen).toHaveLength(2);
    cluster.silent = false;
    await until('the other change comes', () => seen.length === 3);
    expect(seen).toEqual([false, true, false]);
    cancel();
    expect((await ended)?.code).toBe(grpc.CANCELLED);
  });

  it('answers UNAVAILABLE, not too little, when it does not know', async () => {
    cluster.silent = true;
    const keda = await open();
    await expect(keda.isActive(general)).rejects.toMatchObject({ code: grpc.UNAVAILABLE });
    await expect(keda.demand(general)).rejects.toMatchObject({
      code: grpc.UNAVAILABLE,
      details: '1 of 1 shards have not answered for 30 s',
    });
    // Only what needs no shard.
    expect(await keda.spec(general)).toHaveLength(1);
    // A stream waits until it is known.
    const { seen } = keda.stream(general);
    cluster.load = waits(1);
    cluster.silent = false;
    await until('the stream tells', () => seen.length === 1);
    expect(seen).toEqual([true]);
  });

  it('refuses bad metadata by name, on each of its methods', async () => {
    const keda = await open();
    const bad = { slotsPerPod: 'x' };
    const details =
      'scalerMetadata.workerClass is required; scalerMetadata.slotsPerPod must be a whole number from 1 to 1024';
    const refused = { code: grpc.INVALID_ARGUMENT, details };
    await expect(keda.isActive(bad)).rejects.toMatchObject(refused);
    await expect(keda.spec(bad)).rejects.toMatchObject(refused);
    await expect(keda.metrics(bad, 'x')).rejects.toMatchObject(refused);
    expect(await keda.stream(bad).ended).toMatchObject(refused);
    await expect(keda.metrics(general, 's0-other')).rejects.toMatchObject({
      code: grpc.INVALID_ARGUMENT,
      details: 'metricName must be troupe-demand-general, not "s0-other"',
    });
  });

  it('does not know a queue that is not there, rather than saying that nothing waits in it', async () => {
    const keda = await open();
    const refused = { code: grpc.NOT_FOUND, details: 'there is no queue absent' };
    await expect(keda.demand({ ...general, queues: 'default,absent' })).rejects.toMatchObject(refused);
    expect(await keda.stream({ ...general, queues: 'absent' }).ended).toMatchObject(refused);
  });

  it('holds a bounded number of streams', async () => {
    const keda = await open({ streamsMax: 1 });
    const first = keda.stream(general);
    await until('the first one is open', () => first.seen.length === 1);
    expect(await keda.stream(general).ended).toMatchObject({ code: grpc.RESOURCE_EXHAUSTED });
    first.cancel();
    await first.ended;
    await until('its place is free', async () => {
      const next = keda.stream(general);
      const outcome = await Promise.race([
        next.ended,
        until('it tells', () => next.seen.length === 1).then(() => 'open'),
      ]);
      next.cancel();
      return outcome === 'open';
    });
  });

  it('sends streams elsewhere when it stops', async () => {
    const made = scaler();
    const { port } = await made.start();
    const keda = new Keda(`127.0.0.1:${port}`);
    clients.push(keda);
    const { seen, ended } = keda.stream(general);
    await until('it is open', () => seen.length === 1);
    await Promise.all([made.stop(30_000), made.stop(30_000)]);
    expect((await ended)?.code).toBe(grpc.UNAVAILABLE);
  });
});

describe('who may ask the scaler', () => {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-scaler-'));
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('is anybody on loopback, nobody else without TLS, and with a client authority only those it vouches for', async () => {
    await expect(scaler({ host: '0.0.0.0' }).start()).rejects.toThrow(ListenError);
    const own = makeCertificates(folder);
    const callers = makeCertificates(folder, 'keda');
    const tls = {
      cert: readFileSync(own.certPath),
      key: readFileSync(own.keyPath),
      clientCa: readFileSync(callers.caPath),
    };
    const { port } = await scaler({ host: '0.0.0.0', tls: fixedTls(tls) }).start();
    const address = `127.0.0.1:${port}`;
    const known = credentials.createSsl(
      readFileSync(own.caPath),
      readFileSync(callers.keyPath),
      readFileSync(callers.certPath),
    );
    const [keda, stranger, plain] = [
      new Keda(address, known),
      new Keda(address, credentials.createSsl(readFileSync(own.caPath))),
      new Keda(address),
    ];
    clients.push(keda, stranger, plain);
    expect(await keda.isActive(general)).toBe(false);
    await expect(stranger.isActive(general)).rejects.toMatchObject({ code: grpc.UNAVAILABLE });
    await expect(plain.isActive(general)).rejects.toMatchObject({ code: grpc.UNAVAILABLE });
  });
});
