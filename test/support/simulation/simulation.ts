/**
 * One simulation: a cluster whose shape the seed decides runs under load and faults. Then the faults end, the cluster
 * settles, and all promises are checked. The same seed gives the same simulation, to the last message.
 */
import type { Random } from '../../../src/application/ports/runtime.ts';
import type { FlowRule } from '../../../src/domain/flow-rule.ts';
import { defaultTenant } from '../../../src/domain/queue.ts';
import { isTerminal } from '../../../src/domain/job.ts';
import { Cluster, type ClusterShape, simulatedHandler } from './cluster.ts';
import type { NodePorts } from './sim-node.ts';
import { type FaultKind, Nemesis } from './nemesis.ts';
import { SimClients } from './sim-clients.ts';
import { SimDeletes } from './sim-deletes.ts';
import { SimFarJobs } from './sim-far-jobs.ts';
import { SimLogs } from './sim-logs.ts';
import { SimOperators } from './sim-operators.ts';
import { SimQuotas } from './sim-quotas.ts';
import { SimQueues } from './sim-queues.ts';
import { SimTenants, tenantListOf } from './sim-tenants.ts';
import { SimWatches } from './sim-watches.ts';
import { StartTimes } from './start-times.ts';
import { SubmitWatch } from './submit-watch.ts';
import { Timeliness } from './timeliness.ts';
import { type Finding, World } from './world.ts';

export interface SimulateOptions {
  readonly trace?: (line: string) => void;
  /** Injects only these faults, many of them, into a busy cluster. By default the seed decides. */
  readonly faults?: readonly FaultKind[];
  /** By default the seed decides, or `busy` if `faults` is given. */
  readonly scenario?: Scenario['kind'];
  /** The only rare load, and always present. By default the seed decides. */
  readonly load?: RareLoad;
  /** A seeded bug: changes the ports on which a node is built. */
  readonly change?: (cluster: Cluster, ports: NodePorts) => void;
}

export interface Verdict {
  readonly seed: number;
  /** Empty if every promise was kept. */
  readonly findings: readonly Finding[];
  /** The findings in words. */
  readonly violations: readonly string[];
  readonly scenario: Scenario['kind'];
  readonly faults: readonly FaultKind[];
  readonly jobs: number;
  readonly runs: number;
  readonly steps: number;
  readonly virtualMs: number;
  /** Time from the end of the faults until every job had ended and every event was delivered. */
  readonly settledMs: number;
}

/** Time to settle: leases expire, silent runs are detected, messages are redelivered, retries are made. */
const settleMostMs = 120_000;
/** Time in which messages that are still in flight may do damage. */
const stragglersMs = 3_000;
const lookEveryMs = 500;
const probeMostMs = 120_000;
/** Share of the simulations that have one kind of rare load. */
const loadRate = 0.2;

export async function simulate(seed: number, options: SimulateOptions = {}): Promise<Verdict> {
  // Virtual time takes no turn of the event loop. Yield once per seed, so that real timers get their turn.
  await new Promise((resolve) => setImmediate(resolve));
  const world = new World({ seed, ...(options.trace !== undefined && { trace: options.trace }) });
  const random = world.random();
  const scenario = scenarioOf(random, options.scenario ?? (options.faults === undefined ? undefined : 'busy'));
  const { shape, stormMs } = scenario;
  const cluster = new Cluster(world, shape, options.change ?? (() => undefined));
  const nemesis = new Nemesis(cluster, world.random(), scenario.kind === 'one crash' ? [] : options.faults);
  const timeliness =
    scenario.kind === 'one crash' ? new Timeliness(cluster, world.random(), shape.flow ?? {}) : undefined;
  const { witness } = cluster;
  const clients = new SimClients({
    world,
    witness,
    nodes: () => cluster.nodes,
    handler: simulatedHandler.name,
    longMs: scenario.longMs,
    keyed: shape.flow?.maxRunningPerKey !== undefined,
  });
  const starts = new StartTimes(world, cluster.records);
  const { records, extras } = cluster;
  const submits = new SubmitWatch({ world, records, extras, tenant: defaultTenant });
  // With selected faults, leave the operators out: the test is about the effect of the faults on plain jobs.
  const operators =
    options.faults === undefined
      ? new SimOperators({
          world,
          witness,
          starts,
          submits,
          nodes: () => cluster.nodes,
          handler: simulatedHandler.name,
          longMs: scenario.longMs,
        })
      : undefined;
  world.note('seed', `${seed}: ${JSON.stringify(scenario)}, faults: ${nemesis.kinds.join(', ')}`);
  const loads = options.faults === undefined ? rareLoads(cluster, nemesis, scenario, options.load) : [];
  let settledMs = 0;
  try {
    cluster.begin();
    clients.begin(scenario.actEveryMs);
    operators?.begin(scenario.actEveryMs * 5);
    for (const load of loads) load.begin(scenario.actEveryMs * 5);
    nemesis.plan(stormMs * 0.9);
    timeliness?.plan(4_000 + random() * 4_000);
    await world.timeline.run(stormMs);
    clients.stop();
    operators?.stop();
    for (const load of loads) load.stop();
    cluster.heal();
    cluster.executions.hurry();
    settledMs = await settle(cluster, clients, loads);
    await world.timeline.run(world.nowMs + stragglersMs);
    await settle(cluster, clients, loads);
    checkEnd(cluster, clients);
    for (const load of loads) for (const what of load.missing?.() ?? []) world.violation(7, what);
    starts.check(cluster.executions);
    submits.check();
    cluster.spans.check();
    timeliness?.check();
    await probe(world, loads);
  } catch (error) {
    world.violation(0, `the run broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
  return {
    seed,
    findings: world.findings,
    violations: world.findings.map(({ promise, what }) => `promise ${promise}: ${what}`),
    scenario: scenario.kind,
    faults: nemesis.kinds,
    jobs: cluster.records.all().length,
    runs: cluster.executions.all().length,
    steps: world.timeline.steps,
    virtualMs: Math.round(world.nowMs),
    settledMs,
  };
}

interface Load {
  begin(everyMs: number): void;
  stop(): void;
  /** What the load still misses. */
  missing?(): readonly string[];
  /** Called when all else is checked, in a cluster that is calm. It may leave jobs behind. */
  probe?(): Promise<void>;
}

export type RareLoad = 'deletes' | 'queues' | 'watches' | 'logs' | 'far jobs' | 'tenants' | 'quotas';

/** Load of what clients do rarely. Each kind occurs in some of the simulations. */
function rareLoads(
  cluster: Cluster,
  { kinds }: Nemesis,
  { kind, shape }: Scenario,
  only: RareLoad | undefined,
): readonly Load[] {
  const { world, witness, records, extras, queues, executions } = cluster;
  const caller = { world, nodes: () => cluster.nodes };
  const crash = kinds.includes('crash') ? (index: number): void => cluster.crash(index, 0) : undefined;
  const makers: Readonly<Record<RareLoad, () => Load>> = {
    deletes: () => {
      const deletes = new SimDeletes({ ...caller, witness, records, extras });
      cluster.onForgotten = (jobId, host) => {
        deletes.told(jobId, host);
      };
      return deletes;
    },
    queues: () => new SimQueues({ ...caller, witness, queues, crash, handler: simulatedHandler.name }),
    watches: () => new SimWatches({ ...caller, witness, records }),
    logs: () => new SimLogs({ ...caller, witness, records, executions }),
    'far jobs': () => new SimFarJobs({ ...caller, witness, handler: simulatedHandler.name }),
    tenants() {
      // A node that does nothing for the others needs others that do.
      const isExclusive = shape.nodes > 1 && (kind === 'storm' || kind === 'long');
      cluster.tenantsOf = (index) => tenantListOf(index, isExclusive);
      return new SimTenants({ ...caller, witness, extras, queues, handler: simulatedHandler.name });
    },
    quotas: () => new SimQuotas({ ...caller, witness, extras, queues, records, handler: simulatedHandler.name }),
  };
  const random = world.randomOf('loads');
  const chosen = Object.entries(makers).filter(([name]) => {
    // Far jobs make a simulation long, so they are in those that are.
    const isChosen = name === 'far jobs' ? kind === 'long' : random() < loadRate;
    return only === undefined ? isChosen : name === only;
  });
  return chosen.map(([, make]) => make());
}

/**
 * Kinds of scenarios:
 * - `storm`: half a minute of faults.
 * - `busy`: the same with more work than threads, so that jobs wait.
 * - `long`: minutes in which partitions are sealed, with faults and work far apart.
 * - `one crash`: a node dies while all else is well, and its work must continue elsewhere in time.
 * - `one worker`: the other nodes only own shards, and the queue has a limit.
 */
export interface Scenario {
  readonly kind: 'storm' | 'busy' | 'long' | 'one crash' | 'one worker';
  readonly shape: ClusterShape;
  readonly stormMs: number;
  readonly actEveryMs: number;
  /** The usual longest run of a handler, ms. */
  readonly longMs: number;
}

function scenarioOf(random: Random, only: Scenario['kind'] | undefined): Scenario {
  const shape: ClusterShape = {
    nodes: 1 + Math.floor(random() * 4),
    shards: 2 + Math.floor(random() * 2),
    threads: 2,
    backlogMax: random() < 0.2 ? 6 : 200,
    window: random() < 0.5 ? 2 : 32,
    ...(random() < 0.3 && { flow: flowOf(random) }),
  };
  const actEveryMs = 150 + random() * 500;
  const longMs = 200 + random() * 2_500;
  const stormMs = 8_000 + random() * 22_000;
  const dice = random();
  const kind =
    only ??
    (dice < 0.05 ? 'long' : dice < 0.1 ? 'one crash' : dice < 0.2 ? 'busy' : dice < 0.25 ? 'one worker' : 'storm');
  switch (kind) {
    case 'storm':
      return { kind, shape, stormMs, actEveryMs, longMs };
    case 'busy':
      return { kind, shape: { ...shape, threads: 1, backlogMax: 200 }, stormMs, actEveryMs: 120, longMs: 2_500 };
    case 'one worker': {
      const flow = shape.flow ?? { maxRunning: 40 };
      return { kind, shape: { ...shape, nodes: 2 + (shape.nodes % 2), workers: 1, flow }, stormMs, actEveryMs, longMs };
    }
    case 'long':
      return { kind, shape, stormMs: stormMs * 12, actEveryMs: actEveryMs * 10, longMs };
    case 'one crash': {
      const roomy: ClusterShape = { ...shape, nodes: 3, threads: 8, backlogMax: 200 };
      return { kind, shape: roomy, stormMs: 32_000, actEveryMs: 400, longMs };
    }
  }
}

/** A rule tight enough to hold jobs back, and wide enough for all of them to end in time. */
function flowOf(random: Random): FlowRule {
  const dice = random();
  if (dice < 0.4) return { maxRunning: 2 + Math.floor(random() * 2) };
  if (dice < 0.6) return { rate: { perSecond: 4, burst: 3 } };
  return { maxRunningPerKey: 1 + Math.floor(random() * 2), fairnessWeights: { a: 3 } };
}

async function settle(cluster: Cluster, clients: SimClients, loads: readonly Load[]): Promise<number> {
  const { world, records, subscriber } = cluster;
  const healedMs = world.nowMs;
  const isSettled = (): boolean =>
    clients.unanswered === 0 &&
    records.all().every(({ state }) => isTerminal(state)) &&
    subscriber.hasAll() &&
    loads.every((load) => (load.missing?.() ?? []).length === 0);
  while (world.nowMs < healedMs + settleMostMs && !isSettled()) await world.timeline.run(world.nowMs + lookEveryMs);
  return Math.round(world.nowMs - healedMs);
}

async function probe(world: World, loads: readonly Load[]): Promise<void> {
  const untilMs = world.nowMs + probeMostMs;
  const probes = Promise.all(loads.flatMap((load) => (load.probe === undefined ? [] : [load.probe()])));
  const state = { isOver: false };
  const end = (): void => {
    state.isOver = true;
  };
  probes.then(end, end);
  while (!state.isOver && world.nowMs < untilMs) await world.timeline.run(world.nowMs + lookEveryMs);
  if (state.isOver) await probes;
  else world.violation(9, 'a calm cluster does not answer a probe');
}

function checkEnd(cluster: Cluster, clients: SimClients): void {
  const { world, records, subscriber, witness, executions } = cluster;
  subscriber.read();
  subscriber.checkComplete();
  if (clients.unanswered > 0) {
    world.violation(9, `${clients.unanswered} submits were never answered after the faults had ended`);
  }
  witness.checkStarts(executions);
  for (const id of [...witness.accepted, ...witness.foreign]) {
    const record = records.newest(id);
    if (record === undefined) world.violation(1, `${id} was accepted and is gone`);
    else witness.saw('final', record, 0);
  }
  for (const record of records.all()) {
    if (!isTerminal(record.state)) world.violation(2, `${record.id} never ended: ${record.state}@${record.seq}`);
  }
  for (const { runId, host, endedMs } of executions.all()) {
    if (endedMs === undefined) world.violation(5, `the code of ${runId} still runs on ${host}`);
  }
  for (const what of witness.history.check()) world.violation(2, what);
}
