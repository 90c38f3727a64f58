/**
 * One node dies and nothing else is wrong. Its shards must answer again, and its runs must run again, within the
 * promised times. Shards are asked repeatedly through the other nodes; a node that does not own a shard says so. While
 * others use all that a limit of its queue or key allows, a job must wait for them like any other.
 */
import { ofCluster } from '../../../src/application/protocol/batch-queue.ts';
import type { Random } from '../../../src/application/ports/runtime.ts';
import { defaultTenant } from '../../../src/domain/queue.ts';
import { TroupeError } from '../../../src/domain/errors.ts';
import { defaultMaxRunningPerKey, type FlowRule } from '../../../src/domain/flow-rule.ts';
import { isTerminal } from '../../../src/domain/job.ts';
import { composeJobId, type JobId } from '../../../src/domain/job-id.ts';
import type { Cluster } from './cluster.ts';
import type { Execution } from './executions.ts';
import { epochMs } from './host.ts';

/** The promised times. */
const shardsAnswerWithinMs = 15_000;
const runsAgainWithinMs = 20_000;
const probeEveryMs = 250;
/** Time for a place that became free in one shard to move to another. */
const placeMovesMs = 1_000;
/** Longer than what is measured, so that the node does not return meanwhile. */
const downMs = 60_000;

export class Timeliness {
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #rule: FlowRule;
  readonly #silent = new Set<number>();
  /** Jobs that ran on the node, and jobs that waited anywhere. */
  #owed: readonly JobId[] = [];
  #crashedMs = 0;

  constructor(cluster: Cluster, random: Random, rule: FlowRule) {
    this.#cluster = cluster;
    this.#random = random;
    this.#rule = rule;
  }

  /** Schedules the crash. */
  plan(atMs: number): void {
    this.#cluster.world.timeline.at(atMs, () => {
      this.#strike();
    });
  }

  /**
   * Checks at the end that every affected job continued or ended in time, not counting times at which its limits were
   * used up.
   */
  check(): void {
    const { world, executions, records } = this.#cluster;
    for (const jobId of this.#owed) {
      const again = executions.of(jobId).find(({ startedMs }) => startedMs > this.#crashedMs);
      const record = records.newest(jobId);
      const endedAtMs = record !== undefined && isTerminal(record.state) ? record.updatedAtMs - epochMs : Infinity;
      const wentOnMs = Math.min(again?.startedMs ?? Infinity, endedAtMs);
      const couldMs = wentOnMs - this.#crashedMs - this.#crowdedMs(jobId, wentOnMs);
      if (couldMs <= runsAgainWithinMs) continue;
      world.violation(
        9,
        `${jobId} went on ${Math.round(wentOnMs - this.#crashedMs)} ms after a node had died, ${Math.round(couldMs)} ms of them with room`,
      );
    }
  }

  /** How long, between the crash and that time, other jobs used all that the limits of the job allow. */
  #crowdedMs(jobId: JobId, untilMs: number): number {
    const { executions, records } = this.#cluster;
    const key = records.newest(jobId)?.spec.concurrencyKey;
    const { maxRunning = Infinity, maxRunningPerKey = defaultMaxRunningPerKey } = this.#rule;
    const others = executions.all().filter((one) => one.jobId !== jobId);
    const ofKey = others.filter((one) => key !== undefined && records.newest(one.jobId)?.spec.concurrencyKey === key);
    let crowdedMs = 0;
    for (let atMs = this.#crashedMs; atMs < Math.min(untilMs, this.#cluster.world.nowMs); atMs += probeEveryMs) {
      if (running(others, atMs) >= maxRunning || running(ofKey, atMs) >= maxRunningPerKey) crowdedMs += probeEveryMs;
    }
    return crowdedMs;
  }

  #strike(): void {
    const { world, server, nodes, executions, records } = this.#cluster;
    const index = Math.floor(this.#random() * nodes.length);
    const { name } = nodes[index]?.host ?? { name: '' };
    this.#crashedMs = world.nowMs;
    const lost = executions.all().filter(({ host, endedMs }) => host === name && endedMs === undefined);
    const waiting = records.all().filter(({ state }) => state === 'QUEUED');
    const owed = new Set([...lost.map(({ jobId }) => jobId), ...waiting.map(({ id }) => id)]);
    // The jobs of another tenant may have had no other node, or its quota.
    this.#owed = [...owed].filter((id) => records.newest(id)?.spec.tenant === defaultTenant);
    for (const shard of server.shardsOf(name)) this.#silent.add(shard);
    this.#cluster.crash(index, downMs);
    this.#probe();
    world.timeline.at(shardsAnswerWithinMs, () => {
      for (const shard of this.#silent) {
        world.violation(9, `shard ${shard} does not answer ${shardsAnswerWithinMs} ms after its owner had died`);
      }
    });
  }

  /** Asks each silent shard for a job that does not exist. JOB_NOT_FOUND shows that an owner answers. */
  #probe(): void {
    const { world, nodes } = this.#cluster;
    if (this.#silent.size === 0 || world.nowMs - this.#crashedMs > shardsAnswerWithinMs) return;
    const standing = nodes.filter(({ host }) => host.state === 'up');
    const node = standing[Math.floor(this.#random() * standing.length)];
    for (const shard of this.#silent) {
      const jobId = composeJobId({ createdAtMs: epochMs, shard, queueNo: 1 }, 0n);
      node?.host.run(() => {
        node.batcher.call(shard, 'get', { jobId }, ofCluster).catch((error: unknown) => {
          if (TroupeError.from(error).code === 'JOB_NOT_FOUND') this.#silent.delete(shard);
        });
      });
    }
    world.timeline.at(probeEveryMs, () => {
      this.#probe();
    });
  }
}

function running(executions: readonly Execution[], atMs: number): number {
  return executions.filter(({ startedMs, endedMs = Infinity }) => startedMs <= atMs && atMs < endedMs + placeMovesMs)
    .length;
}
