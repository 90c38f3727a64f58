/**
 * One node dies, and nothing else is wrong: its shards must answer again, and its runs run again, in the promised time.
 * Shards are asked from the other nodes again and again; whoever does not own one says so.
 */
import type { Random } from '../../../src/application/ports/runtime.ts';
import { TroupeError } from '../../../src/domain/errors.ts';
import { isTerminal } from '../../../src/domain/job.ts';
import { composeJobId } from '../../../src/domain/job-id.ts';
import type { Cluster } from './cluster.ts';
import type { Execution } from './executions.ts';
import { epochMs } from './host.ts';

const shardsAnswerWithinMs = 15_000;
const runsAgainWithinMs = 20_000;
const probeEveryMs = 250;
/** Longer than what is measured: nobody else takes its place. */
const downMs = 60_000;

export class Timeliness {
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #silent = new Set<number>();
  #lost: readonly Execution[] = [];
  #crashedMs = 0;

  constructor(cluster: Cluster, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
  }

  plan(atMs: number): void {
    this.#cluster.world.timeline.at(atMs, () => {
      this.#strike();
    });
  }

  check(): void {
    const { world, executions, records } = this.#cluster;
    for (const { runId, jobId } of this.#lost) {
      const again = executions.of(jobId).find(({ startedMs }) => startedMs > this.#crashedMs);
      const record = records.newest(jobId);
      const endedAtMs = record !== undefined && isTerminal(record.state) ? record.updatedAtMs - epochMs : Infinity;
      const wentOnMs = Math.min(again?.startedMs ?? Infinity, endedAtMs);
      if (wentOnMs - this.#crashedMs <= runsAgainWithinMs) continue;
      world.violation(
        9,
        `the job of ${runId} went on ${String(Math.round(wentOnMs - this.#crashedMs))} ms after its node had died`,
      );
    }
  }

  #strike(): void {
    const { world, server, nodes, executions } = this.#cluster;
    const index = Math.floor(this.#random() * nodes.length);
    const { name } = nodes[index]?.host ?? { name: '' };
    this.#crashedMs = world.nowMs;
    this.#lost = executions.all().filter(({ host, endedMs }) => host === name && endedMs === undefined);
    for (const shard of server.shardsOf(name)) this.#silent.add(shard);
    this.#cluster.crash(index, downMs);
    this.#probe();
    world.timeline.at(shardsAnswerWithinMs, () => {
      for (const shard of this.#silent) {
        world.violation(
          9,
          `shard ${String(shard)} does not answer ${String(shardsAnswerWithinMs)} ms after its owner had died`,
        );
      }
    });
  }

  #probe(): void {
    const { world, nodes } = this.#cluster;
    if (this.#silent.size === 0 || world.nowMs - this.#crashedMs > shardsAnswerWithinMs) return;
    const standing = nodes.filter(({ host }) => host.state === 'up');
    const node = standing[Math.floor(this.#random() * standing.length)];
    for (const shard of this.#silent) {
      const jobId = composeJobId({ createdAtMs: epochMs, shard, queueNo: 1 }, 0n);
      node?.host.run(() => {
        node.batcher.call(shard, 'get', { jobId }).catch((error: unknown) => {
          if (TroupeError.from(error).code === 'JOB_NOT_FOUND') this.#silent.delete(shard);
        });
      });
    }
    world.timeline.at(probeEveryMs, () => {
      this.#probe();
    });
  }
}
