/** One soak: load and faults side by side, then the settling of every job, then the check of the whole history. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, type TroupeClient, TroupeClientError } from '../../src/client/index.ts';
import { type Execution, History } from '../support/cluster-history.ts';
import { type Load, startLoad } from '../support/cluster-load.ts';
import { createSeededRandom } from '../../src/kernel/testkit/index.ts';
import { startAuditor } from './auditor.ts';
import { type Fault, faults, reviveEnded } from './faults.ts';
import type { SoakOptions } from './options.ts';
import { afterAccept, draftOf, wrongEnd } from './workload.ts';
import { type SoakWorld, startWorld } from './world.ts';

export interface FaultSeen {
  readonly name: string;
  readonly atMs: number;
  readonly tookMs: number;
  /** From the end of the fault until a new job was done. */
  readonly recoveredMs: number;
}

export interface SoakResult {
  readonly jobs: number;
  readonly tookMs: number;
  readonly events: number;
  readonly faults: readonly FaultSeen[];
  readonly refusals: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
  /** Faults that this machine could not inflict, with the reason. */
  readonly leftOut: readonly string[];
}

const lanes = 8;
const gapLeastMs = 15;
const gapMostMs = 2_000;
/** A fault and what comes before it, on average: what the rate of jobs is made from. */
const faultMs = 9_000;
const betweenFaultsMs = [500, 3_000] as const;
/** A job that nobody could submit, or that is not done so long after a fault, is a finding. */
const canaryMs = 60_000;
/** A fault may last a minute: Cassandra starts again on a full commit log. */
const acceptMs = 240_000;
const settleMs = 240_000;
const eventsMs = 60_000;

export async function runSoak(options: SoakOptions, say: (line: string) => void): Promise<SoakResult> {
  const startedMs = performance.now();
  const world = await startWorld(options);
  const { cluster } = world;
  const history = new History();
  const auditor = await startAuditor(cluster.broker.url, cluster.root, history);
  const clients = world.nodes.map(({ node }) => connect({ address: node.address ?? '', retry: { maxAttempts: 1 } }));
  const ledger = join(cluster.dir, 'runs.ledger');
  const load = startLoad({
    clients,
    history,
    lanes,
    afterAccept,
    gapMs: Math.min(gapMostMs, Math.max(gapLeastMs, (lanes * options.faults * faultMs) / options.jobs)),
    watchEvery: 20,
    patienceMs: acceptMs,
    draft: (n) => draftOf(n, ledger),
  });
  try {
    const { chosen, leftOut } = choose(options, world);
    const violations: string[] = [];
    const scene = { ...{ world, history, clients, ledger, load, say, options }, chosen, violations };
    const seen = await inflictAll(scene);
    while (load.accepted < options.jobs) await pause(100);
    say(`${load.accepted} jobs accepted, ${seen.length} faults; waiting for every end ...`);
    await load.stop();
    violations.push(...(await settled(scene)));
    return {
      jobs: load.accepted,
      tookMs: performance.now() - startedMs,
      events: auditor.heard,
      faults: seen,
      refusals: Object.fromEntries(load.refusals),
      violations: [...violations, ...load.surprises],
      leftOut,
    };
  } finally {
    await load.stop();
    for (const client of clients) client.close();
    await auditor.close();
    await world.stop();
  }
}

interface Scene {
  readonly options: SoakOptions;
  readonly world: SoakWorld;
  readonly history: History;
  readonly clients: readonly TroupeClient[];
  readonly ledger: string;
  readonly load: Load;
  readonly chosen: readonly Fault[];
  readonly violations: string[];
  readonly say: (line: string) => void;
}

function choose({ store, only }: SoakOptions, { disk }: SoakWorld): { chosen: Fault[]; leftOut: string[] } {
  const wanted = faults.filter(
    ({ name, stores }) => stores.includes(store) && (only.length === 0 || only.includes(name)),
  );
  const reason = 'reason' in disk ? disk.reason : undefined;
  const impossible = reason === undefined ? [] : wanted.filter(({ needsDisk }) => needsDisk === true);
  const leftOut = impossible.map(({ name }) => `${name}: ${reason ?? ''}`);
  return { chosen: wanted.filter((fault) => !impossible.includes(fault)), leftOut };
}

async function inflictAll(scene: Scene): Promise<readonly FaultSeen[]> {
  const { options, world, history, chosen, violations, say } = scene;
  const random = createSeededRandom(options.seed);
  const between = (least: number, most: number): number => least + Math.floor(random() * (most - least + 1));
  const seen: FaultSeen[] = [];
  const startedMs = performance.now();
  for (let turn = 1; turn <= options.faults; turn += 1) {
    const fault = chosen[between(0, chosen.length - 1)];
    if (fault === undefined) throw new Error('no fault is left to choose from');
    await pause(between(...betweenFaultsMs));
    const atMs = performance.now();
    try {
      await fault.inflict({ world, between, eventsLost: () => history.excuseEvents() });
      violations.push(...(await reviveEnded(world)));
    } catch (error) {
      // What was seen so far is worth its report.
      violations.push(`${fault.name} could not be ended: ${String(error)}`);
    }
    const overMs = performance.now();
    const late = await canary(scene, fault, turn);
    for (const problem of late) say(problem);
    violations.push(...late);
    const recoveredMs = performance.now() - overMs;
    seen.push({ name: fault.name, atMs: atMs - startedMs, tookMs: overMs - atMs, recoveredMs });
    say(
      `${turn}/${options.faults} ${fault.name}: ${seconds(overMs - atMs)}, jobs done again after ` +
        `${seconds(recoveredMs)}; ${scene.load.accepted} jobs, ${violations.length} violations`,
    );
  }
  return seen;
}

/** What is known of a job that should be done by now. */
async function stateOf(client: TroupeClient, jobId: string): Promise<string> {
  if (jobId === '') return 'it was never accepted';
  try {
    const { state, history, waiting } = await client.get(jobId, { explain: true, timeoutMs: 5_000 });
    return `${jobId} is ${state}: ${JSON.stringify({ history, waiting })}`;
  } catch (error) {
    return `${jobId} cannot be read: ${String(error)}`;
  }
}

/** A fault is over when every node takes a job again and it is done. */
async function canary({ clients, ledger, history }: Scene, { name }: Fault, turn: number): Promise<readonly string[]> {
  const endMs = performance.now() + canaryMs;
  const wrong: string[] = [];
  for (const [index, client] of clients.entries()) {
    const key = `canary ${turn} at ${index}`;
    let jobId = '';
    for (;;) {
      try {
        const { handler, input } = draftOf(0, ledger);
        ({ jobId } = await client.submit(handler, input, { idempotencyKey: key, timeoutMs: 3_000 }));
        history.accepted(jobId, key);
        const job = await client.wait(jobId, {
          signal: AbortSignal.timeout(Math.max(1, Math.ceil(endMs - performance.now()))),
        });
        history.saw('final', job);
        break;
      } catch (error) {
        if (!(error instanceof TroupeClientError)) throw error;
        if (performance.now() < endMs) {
          await pause(50);
          continue;
        }
        wrong.push(
          `${seconds(canaryMs)} after ${name} node ${index + 1} does no job: ${String(error)}; ${await stateOf(client, jobId)}`,
        );
        break;
      }
    }
  }
  return wrong;
}

async function settled({ history, load, world, ledger }: Scene): Promise<readonly string[]> {
  const readers = world.nodes.map(({ node }) => node.client());
  const wrong: string[] = [];
  try {
    const jobs = await load.settle(readers, settleMs);
    for (const job of jobs) {
      const n = Number(/^job-(\d+)$/.exec(history.acked.get(job.id) ?? '')?.[1] ?? 0);
      const problem = wrongEnd(n, job);
      if (problem !== undefined) wrong.push(problem);
    }
  } catch (error) {
    wrong.push(String(error));
  }
  const endMs = performance.now() + eventsMs;
  while (performance.now() < endMs && ![...history.acked.keys()].every((id) => history.hasHeardTheEnd(id)))
    await pause(200);
  for await (const line of createInterface({ input: createReadStream(ledger) })) {
    const execution = wholeEntry(line);
    if (execution !== undefined) history.ran(execution);
  }
  return [...wrong, ...history.check()];
}

/** A full disk may have torn the entry before, which then stands in front of this one on its line. */
export function wholeEntry(line: string): Execution | undefined {
  const last = line.slice(Math.max(0, line.lastIndexOf('{"what"')));
  try {
    return JSON.parse(last) as Execution;
  } catch {
    return undefined;
  }
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
