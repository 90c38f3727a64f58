/**
 * Load: a tenant with quotas of unfinished jobs and stored bytes that submits more than it may, through all gateways and
 * faults. Afterwards, in the calm, a probe: the use that the cluster tells is that of the records, the quota is as large
 * as it should be and no larger at any gateway, and repeats are answered.
 */
import { emptyJobRequest } from '../../../src/application/jobs/job-request.ts';
import { tenantBody, tenantPlace } from '../../../src/application/tenants/tenant-documents.ts';
import { TroupeError } from '../../../src/domain/errors.ts';
import { besidesInputBytes, inputBytes } from '../../../src/domain/job-brief.ts';
import { isTerminal, type JobRecord } from '../../../src/domain/job.ts';
import { jobIdParts } from '../../../src/domain/job-id.ts';
import { defaultQueueName, defaultQueueSettings } from '../../../src/domain/queue.ts';
import { storedBytes } from '../../../src/domain/stored-bytes.ts';
import { epochMs } from './host.ts';
import type { QueueWatch } from './queue-watch.ts';
import type { RecordWatch } from './record-watch.ts';
import { submitShortJob } from './short-job.ts';
import { SimCaller, type SimCallerParts } from './sim-caller.ts';
import type { SimNode } from './sim-node.ts';
import type { StoreExtras } from './store-extras.ts';
import type { Witness } from './witness.ts';

export interface SimQuotasParts extends SimCallerParts {
  readonly witness: Witness;
  readonly extras: StoreExtras;
  readonly queues: QueueWatch;
  readonly records: RecordWatch;
  readonly handler: string;
}

const tenant = 'bounded';
/** Less than a shard of the smallest backlog takes of one tenant. */
const unfinishedJobs = 4;
const burstMax = 6;
/** Until every gateway has asked the shards again. */
const newsMs = 2_500;
/** An end is in the sum of the next owner if no owner changed for so long around it: saves may fail meanwhile. */
const unsureMs = { before: 10_000, after: 30_000 };
const hourMs = 3_600_000;

export class SimQuotas {
  readonly #parts: SimQuotasParts;
  readonly #caller: SimCaller;
  readonly #operator: SimCaller;
  #count = 0;
  /** When the jobs of the probe are due, so that repeats are the same. */
  #farMs = 0;

  constructor(parts: SimQuotasParts) {
    this.#parts = parts;
    this.#caller = new SimCaller(`of ${tenant}`, { ...parts, tenant });
    this.#operator = new SimCaller('quotas', parts);
    const { extras, queues } = parts;
    const made = { name: tenant, state: 'ACTIVE', description: '', createdAtMs: 0, creator: 'test' } as const;
    const quotas = { unfinishedJobs, storedBytes: 2 ** 40 };
    extras.documents.create(tenantPlace(tenant), tenantBody({ ...made, quotas }));
    queues.asked(defaultQueueName);
    extras.createQueue({ tenant, name: defaultQueueName, settings: defaultQueueSettings, nowMs: 0 });
  }

  begin(everyMs: number): void {
    this.#caller.begin(everyMs, () => {
      const { witness, handler } = this.#parts;
      const jobs = 1 + Math.floor(this.#caller.random() * burstMax);
      for (let job = 0; job < jobs; job += 1) {
        this.#count += 1;
        const key = this.#caller.random() < 0.5 ? '' : `k${this.#count}`;
        const options = { idempotencyKey: key };
        submitShortJob(this.#caller, witness, { n: this.#count, handler, node: this.#caller.anyNode(), options });
      }
    });
  }

  stop(): void {
    this.#caller.isOver = true;
  }

  /** Call it when every job has ended, and there are no faults any more. */
  async probe(): Promise<void> {
    await this.#checkUse('after the faults');
    const nodes = this.#parts.nodes().filter(({ host }) => host.state === 'up');
    const [first] = nodes;
    if (first === undefined) return;
    // By no clock of the cluster, because some may be off.
    this.#farMs = Math.round(epochMs + this.#parts.world.nowMs) + hourMs;
    const jobs: (string | undefined)[] = [];
    for (let n = 0; n < unfinishedJobs; n += 1) jobs.push(await this.#far(first, `far ${n}`));
    if (jobs.includes(undefined)) this.#broken(`has room for ${unfinishedJobs} jobs, and one was refused`);
    await this.#expectFull(first, 'far too many');
    await this.#wait(newsMs);
    for (const node of nodes) {
      await this.#expectFull(node, '');
      await this.#expectFull(node, `new at ${node.nodeId}`);
      if ((await this.#far(node, 'far 0')) !== jobs[0]) this.#broken('repeats a key, and gets another job');
    }
    await this.#checkUse('when it is full');
    await this.#caller.ask(({ cancelJob }, context) => cancelJob(context, jobs[0] ?? '', ''));
    await this.#wait(newsMs);
    if ((await this.#far(first, '')) === undefined) this.#broken('has room for a job again, and it was refused');
    await this.#checkUse('after all');
  }

  async #checkUse(when: string): Promise<void> {
    await this.#wait(newsMs);
    const { use } = await this.#operator.ask(({ tenants }, context) => tenants.get(context, tenant));
    const { records } = this.#parts;
    const own = records.all().filter(({ spec }) => spec.tenant === tenant);
    const unfinished = own.filter(({ state }) => !isTerminal(state));
    if (use.unfinishedJobs !== unfinished.length) {
      this.#broken(`has ${unfinished.length} unfinished jobs ${when}, and is told ${use.unfinishedJobs}`);
    }
    const most = bytesOf(own);
    const least = bytesOf(own.filter((record) => !isTerminal(record.state) || this.#isSurelyCounted(record)));
    if (use.storedBytes < least || use.storedBytes > most) {
      this.#broken(`stores ${least} to ${most} bytes ${when}, and is told ${use.storedBytes}`);
    }
  }

  #isSurelyCounted({ id, seq }: JobRecord): boolean {
    const { records } = this.#parts;
    const endedMs = records.durableAtMs.get(id)?.get(seq) ?? -Infinity;
    const { before, after } = unsureMs;
    return records.takenMs(jobIdParts(id).shard).every((ms) => ms < endedMs - before || ms > endedMs + after);
  }

  async #expectFull(node: SimNode, idempotencyKey: string): Promise<void> {
    const jobId = await this.#far(node, idempotencyKey);
    if (jobId !== undefined) this.#broken(`is full, and ${node.nodeId} accepted ${jobId}`);
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#parts.world.timeline.at(ms, resolve));
  }

  #broken(what: string): void {
    this.#parts.world.violation(10, `the tenant ${tenant} ${what}`);
  }

  /** A job that does not start before the end. Undefined if the tenant has no room for it. */
  async #far(node: SimNode, idempotencyKey: string): Promise<string | undefined> {
    const { handler } = this.#parts;
    const input = { kind: 'json', json: '{"far":true}' } as const;
    const request = { ...emptyJobRequest, handler, input, idempotencyKey, runAtMs: this.#farMs };
    try {
      return (await this.#caller.ask(({ submit }, context) => submit.one(context, request), node)).jobId;
    } catch (error) {
      if (this.#caller.refused(error) !== 'QUOTA_EXCEEDED') throw error;
      const { quota } = TroupeError.from(error).metadata;
      if (quota !== 'unfinishedJobs') this.#broken(`is refused by ${quota}`);
      return undefined;
    }
  }
}

function bytesOf(records: readonly JobRecord[]): number {
  return records.reduce(
    (sum, record) => sum + storedBytes({ input: inputBytes(record.spec.input), besides: besidesInputBytes(record) }),
    0,
  );
}
