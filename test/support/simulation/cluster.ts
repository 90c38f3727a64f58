/** The simulated cluster: its nodes, its services, and the faults that may be injected into them. */
import { loadConfig } from '../../../src/config/index.ts';
import { defaultQueueSettings, defaultTenant } from '../../../src/domain/queue.ts';
import type { FlowRule } from '../../../src/domain/flow-rule.ts';
import type { HandlerManifest } from '../../../src/domain/handler-manifest.ts';
import type { Partition } from '../../../src/application/ports/job-store.ts';
import { isTerminal, type JobRecord } from '../../../src/domain/job.ts';
import type { JobId } from '../../../src/domain/job-id.ts';
import { BusServer } from './bus-server.ts';
import type { Host } from './host.ts';
import { Executions } from './executions.ts';
import { QueueWatch } from './queue-watch.ts';
import { RecordWatch } from './record-watch.ts';
import { type ClusterGround, type NodePorts, SimNode } from './sim-node.ts';
import { StoreData } from './store-data.ts';
import { StoreExtras } from './store-extras.ts';
import { TenantWatch } from './tenant-watch.ts';
import { RunningWatch } from './running-watch.ts';
import { SpanWatch } from './span-watch.ts';
import { Subscriber } from './subscriber.ts';
import { calmWeather, type Weather } from './wire.ts';
import { skewMostMs, Witness } from './witness.ts';
import { WorkWatch } from './work-watch.ts';
import type { World } from './world.ts';

export interface ClusterShape {
  readonly nodes: number;
  readonly shards: number;
  readonly threads: number;
  /** Number of nodes that run jobs, counted from the first. Default: all. */
  readonly workers?: number;
  readonly backlogMax: number;
  /** Most jobs of a level of a queue that a shard has dispatched and that are not started. */
  readonly window: number;
  /** Flow rule of the queue. Default: nothing holds its jobs back. */
  readonly flow?: FlowRule;
}

/** Longest time after which a client library notices that a connection is lost or restored. */
const noticeMostMs = 3_000;
/** Least time that a process needs to start again, and the grace period of an orderly stop. */
const restartMs = 400;
const drainGraceMs = 2_000;

/** `any`, because streamed inputs are bytes. */
export const simulatedHandler: HandlerManifest = { name: 'sim.work', version: '1.0.0', inputKind: 'any' };

export class Cluster {
  readonly world: World;
  readonly nodes: SimNode[] = [];
  readonly storeWeather: Weather = calmWeather();
  readonly busWeather: Weather = calmWeather();
  readonly data = new StoreData();
  readonly extras = new StoreExtras();
  readonly server: BusServer;
  readonly executions: Executions;
  readonly records: RecordWatch;
  readonly queues: QueueWatch;
  readonly subscriber: Subscriber;
  readonly spans: SpanWatch;
  readonly witness: Witness;
  /** The list of tenants of each node, counted from 0. Default: none has one. */
  tenantsOf: (index: number) => readonly string[] | undefined = () => undefined;
  /** Whether faults may be injected. */
  isStormy = true;
  /** Called when a process has dropped its copy of a job whose payloads are erased, and has answered. */
  onForgotten: (jobId: JobId, host: Host) => void = () => undefined;
  readonly #tenants: TenantWatch;
  readonly #ground: ClusterGround;
  readonly #shape: ClusterShape;
  readonly #random;
  /** Nodes that are shutting down in order. A second fault would only end them earlier. */
  readonly #leaving = new Set<SimNode>();
  /** Nodes whose connections the server has dropped. */
  readonly #disconnected = new Set<SimNode>();
  #incarnation = 0;

  constructor(world: World, shape: ClusterShape, change: (cluster: Cluster, ports: NodePorts) => void) {
    this.world = world;
    this.#shape = shape;
    this.#random = world.random();
    this.server = new BusServer(world.timeline, world.random());
    this.executions = new Executions(world);
    const { executions, extras } = this;
    const { backlogMax } = shape;
    this.records = new RecordWatch({ world, executions, extras, backlogMax });
    this.spans = new SpanWatch(world, this.records);
    const listOf = (nodeId: string): readonly string[] | undefined => this.tenantsOf(Number(nodeId.slice(1)) - 1);
    this.#tenants = new TenantWatch({ world, executions, records: this.records, listOf });
    const running = new RunningWatch(world, this.executions, shape.flow ?? {});
    this.data.onCommit((group, before) => {
      this.records.committed(group, before);
      running.committed(group);
      this.spans.committed(group, before);
      this.#tenants.committed(group);
      this.queues.committed(group, before);
    });
    const work = new WorkWatch(world, this.records);
    this.server.onWork = (message) => work.sends(message);
    this.subscriber = new Subscriber(world, this.server, this.records);
    this.witness = new Witness(world, this.records);
    const { flow } = shape;
    const settings = { ...defaultQueueSettings, ...(flow !== undefined && { flow }) };
    const queue = { tenant: defaultTenant, name: 'default', settings, nowMs: 0 };
    const { queue: first } = this.extras.createQueue(queue);
    this.queues = new QueueWatch(world, this.records, this.extras);
    this.#ground = {
      world,
      executions,
      spans: this.spans,
      extras,
      data: this.data,
      server: this.server,
      storeWeather: this.storeWeather,
      busWeather: this.busWeather,
      config: loadConfig({ flags: { 'shards.backlogMax': backlogMax, 'shards.groupMaxRecords': 4 } }),
      shardCount: shape.shards,
      window: shape.window,
      queue: first,
      manifest: simulatedHandler,
      change: (ports) => {
        this.#observe(ports);
        change(this, ports);
      },
    };
  }

  /** Starts all nodes. */
  begin(): void {
    for (let index = 0; index < this.#shape.nodes; index += 1) this.#startNode(index);
  }

  /** Kills the process and its cells. A new incarnation starts later. Faults do nothing to a node that is not up. */
  crash(index: number, downMs: number): void {
    const node = this.#standing(index);
    if (node === undefined) return;
    this.world.note('FAULT', `${node.nodeId} is killed, back in ${Math.round(downMs)} ms`);
    node.host.kill();
    this.#startLater(index, downMs);
  }

  /** Stops the process in order, as SIGTERM does. */
  drain(index: number, downMs: number): void {
    const node = this.#standing(index);
    if (node === undefined) return;
    this.world.note('FAULT', `${node.nodeId} is stopped in order`);
    this.#leaving.add(node);
    node.drain(drainGraceMs, () => {
      this.world.note('FAULT', `${node.nodeId} has ended`);
      if (node.host.state === 'dead') return;
      node.host.kill();
      this.#startLater(index, downMs);
    });
  }

  /** Pauses the process as SIGSTOP does. Without `withCells` its handlers continue meanwhile. */
  pause(index: number, { forMs, withCells }: { readonly forMs: number; readonly withCells: boolean }): void {
    const node = this.#standing(index);
    if (node === undefined) return;
    this.world.note('FAULT', `${node.nodeId} is paused for ${Math.round(forMs)} ms`);
    node.host.pause();
    if (withCells) node.cells.pause();
    this.world.timeline.at(forMs, () => {
      this.world.note('FAULT', `${node.nodeId} goes on`);
      node.host.resume();
      node.cells.resume();
    });
  }

  /** Messages are lost or delayed until the cut ends. The client library notices the cut only after a while. */
  cutFromBus(index: number, forMs: number): void {
    const node = this.#standing(index);
    if (node === undefined) return;
    this.world.note('FAULT', `${node.nodeId} is cut from the bus for ${Math.round(forMs)} ms`);
    node.link.wire.cut();
    this.#later(node, this.#random() * noticeMostMs, () => {
      node.link.noticeCut();
    });
    this.world.timeline.at(forMs, () => {
      this.#mend(node);
    });
  }

  /** The driver has no view of the connection, so requests just time out. */
  cutFromStore(index: number, forMs: number): void {
    const node = this.#standing(index);
    if (node === undefined) return;
    this.world.note('FAULT', `${node.nodeId} is cut from the store for ${Math.round(forMs)} ms`);
    node.storeWire.cut();
    this.world.timeline.at(forMs, () => {
      node.storeWire.mend();
    });
  }

  /** Sets the wall clock of a machine and then corrects it, before a step forward is taken for real time. */
  stepClock(index: number, byMs: number, forMs: number): void {
    const node = this.#standing(index);
    if (node === undefined || node.host.steppedMs !== 0) return;
    this.world.note('FAULT', `the clock of ${node.nodeId} is set by ${byMs} ms for ${Math.round(forMs)} ms`);
    const step = (ms: number): void => {
      node.host.steppedMs += ms;
      node.cells.steppedMs += ms;
    };
    step(byMs);
    this.world.timeline.at(forMs, () => {
      step(-byMs);
    });
  }

  /** JetStream loses its disk. Connections stay. */
  wipeBus(): void {
    this.world.note('FAULT', 'the bus loses everything');
    this.server.wipe();
    this.subscriber.wiped();
    this.witness.leasesLost();
  }

  /** All connections break, and each process notices that before it has a new one. */
  cutBusPower(forMs: number): void {
    this.world.note('FAULT', `the bus loses its power for ${Math.round(forMs)} ms`);
    for (const node of this.nodes) {
      node.link.wire.cut();
      node.link.wire.reset();
      this.#disconnected.add(node);
      this.#later(node, this.#random() * forMs, () => {
        node.link.noticeCut();
      });
    }
    this.server.losePower();
    this.witness.leasesLost();
    this.world.timeline.at(forMs, () => {
      for (const node of this.nodes) this.#mend(node);
    });
  }

  /** An operator removes all messages from the WORK stream. */
  purgeWork(): void {
    this.world.note('FAULT', 'the stream of work is purged');
    this.server.purgeWork();
  }

  /** Ends all faults, restores all connections and starts all processes. */
  heal(): void {
    this.world.note('FAULT', 'all faults end');
    this.isStormy = false;
    Object.assign(this.storeWeather, calmWeather());
    Object.assign(this.busWeather, calmWeather());
    for (const node of this.nodes) {
      this.#mend(node);
      node.storeWire.mend();
      node.host.resume();
      node.cells.resume();
    }
  }

  /** Restores the connection to the bus. A paused process does so when it resumes. */
  #mend(node: SimNode): void {
    node.host.run(() => {
      if (!node.link.wire.isCut) return;
      if (this.#disconnected.delete(node)) {
        node.link.noticeCut();
        node.link.wire.reset();
      }
      node.link.wire.mend();
      this.#later(node, this.#random() * 500, () => {
        node.link.noticeMended();
      });
    });
  }

  #later(node: SimNode, delayMs: number, act: () => void): void {
    node.host.clock.setTimer(delayMs, act);
  }

  /** The node, if a fault may strike it: it is up and not shutting down. */
  #standing(index: number): SimNode | undefined {
    const node = this.nodes[index];
    return node?.host.state === 'up' && !this.#leaving.has(node) ? node : undefined;
  }

  #startLater(index: number, downMs: number): void {
    this.world.timeline.at(restartMs + (this.isStormy ? downMs : 0), () => {
      this.#startNode(index);
    });
  }

  /** Starts a new incarnation, with a clock that is off by up to `skewMostMs`. */
  #startNode(index: number): void {
    this.#incarnation += 1;
    const nodeId = `n${index + 1}`;
    const skewMs = Math.round((this.#random() * 2 - 1) * skewMostMs);
    const tenants = this.tenantsOf(index);
    const works = index < (this.#shape.workers ?? Infinity);
    const options = { nodeId, incarnation: this.#incarnation, threads: this.#shape.threads, skewMs, works, tenants };
    const node = new SimNode(this.#ground, options);
    this.nodes[index] = node;
    this.world.note(nodeId, `starts, incarnation ${this.#incarnation}`);
    node.start(() => {
      if (node.host.state === 'dead') return;
      this.world.note(nodeId, 'has given up, it is started again');
      node.host.kill();
      this.#startLater(index, 1_000);
    });
  }

  /** Records for the checks which shards a node took and when, and of which runs it heard. */
  /** Nothing changes the partition while its new owner reads it. */
  #checkList(partition: Partition, ids: ReadonlySet<JobId>): void {
    for (const { record } of this.data.rows(partition, 0)) {
      if (isTerminal(record.state) || ids.has(record.id)) continue;
      this.world.violation(1, `${record.id} is ${record.state}, and not in the list of its minute`);
    }
  }

  #observe(ports: NodePorts): void {
    const { host, store, router, bus } = ports;
    const { records } = this;
    ports.store = {
      ...this.#tenants.observe(host, store),
      jobs: {
        ...store.jobs,
        takeShard: async (shard, owner) => {
          const grant = await store.jobs.takeShard(shard, owner);
          records.tookShard(shard, grant.epoch, host);
          return grant;
        },
        findUnfinished: async (partition, commits) => {
          const ids = await store.jobs.findUnfinished(partition, commits);
          if (ids !== undefined) this.#checkList(partition, new Set(ids));
          return ids;
        },
      },
    };
    ports.bus = {
      ...bus,
      serveNode: (nodeId, handler, face) =>
        bus.serveNode(
          nodeId,
          async (verb, payload) => {
            const answer = await handler(verb, payload);
            if (verb === 'forgetPayloads') this.onForgotten((payload as JobRecord).id, host);
            return answer;
          },
          face,
        ),
    };
    ports.router = {
      ...router,
      serveShard: (shard, handler) =>
        router.serveShard(shard, async (verb, items) => {
          const results = await handler(verb, items);
          results.forEach((result, index) => {
            if (!('ok' in result)) return;
            this.#heard(host, items[index], result.ok);
          });
          return results;
        }),
    };
  }

  /** A shard hears of a run when it grants the claim, and with each heartbeat whose token it accepts. */
  #heard(host: SimNode['host'], item: unknown, answer: unknown): void {
    if (isGrant(answer) && isClaim(item)) this.records.heard(host, `${item.jobId}#${answer.token}`);
    if (!isBeat(item) || !isOrders(answer)) return;
    const stale = new Set(
      answer.stop.flatMap(({ token, jobId, why }) => (why === 'stale' ? [`${jobId}#${token}`] : [])),
    );
    for (const { jobId, token } of item.runs) {
      const runId = `${jobId}#${token}`;
      if (!stale.has(runId)) this.records.heard(host, runId);
    }
  }
}

function isGrant(answer: unknown): answer is { readonly token: string } {
  return typeof answer === 'object' && answer !== null && 'token' in answer && 'attempt' in answer;
}

function isClaim(item: unknown): item is { readonly jobId: string } {
  return typeof item === 'object' && item !== null && 'jobId' in item;
}

function isBeat(
  item: unknown,
): item is { readonly runs: readonly { readonly jobId: string; readonly token: string }[] } {
  return typeof item === 'object' && item !== null && 'runs' in item;
}

function isOrders(
  answer: unknown,
): answer is { readonly stop: readonly { readonly jobId: string; readonly token: string; readonly why: string }[] } {
  return typeof answer === 'object' && answer !== null && 'stop' in answer;
}
