/**
 * Load: a client watches the jobs of the default queue, is disconnected repeatedly, and continues with its token at any
 * gateway. Checks that every update was durable and that no job goes back. It also checks that the client hears of the
 * end of every job in its filter, if that came after the watch began, or after the last gap that was reported.
 */
import type { CallContext } from '../../../src/application/ports/call-context.ts';
import type { JobFilter } from '../../../src/application/jobs/job-filter.ts';
import type { UseCases } from '../../../src/application/use-cases.ts';
import type { JobsUpdate } from '../../../src/application/jobs/watch-jobs.ts';
import { isTerminal, type JobRecord, type JobState, terminalStates } from '../../../src/domain/job.ts';
import type { JobId } from '../../../src/domain/job-id.ts';
import { defaultQueueName, defaultTenant } from '../../../src/domain/queue.ts';
import type { RecordWatch } from './record-watch.ts';
import { SimCaller, type SimCallerParts } from './sim-caller.ts';
import type { Witness } from './witness.ts';

export interface SimWatchesParts extends SimCallerParts {
  readonly witness: Witness;
  readonly records: RecordWatch;
}

const filters: readonly (readonly JobState[])[] = [[], terminalStates, ['SUCCEEDED']];
const stretchMostMs = 15_000;
/** A gateway that has died sends nothing more. */
const giveUpMs = 1_000;
const pauseMostMs = 2_000;

export class SimWatches {
  readonly #parts: SimWatchesParts;
  readonly #caller: SimCaller;
  readonly #filter: JobFilter;
  readonly #toldSeq = new Map<JobId, number>();
  readonly #toldEnds = new Set<JobId>();
  #token = '';
  /** Ends from this time on must be reported. */
  #sinceMs = Infinity;
  /** Number of the present call. Updates of an earlier call are ignored. */
  #call = 0;

  constructor(parts: SimWatchesParts) {
    this.#parts = parts;
    this.#caller = new SimCaller('watches', parts);
    this.#filter = { states: this.#caller.one(filters) ?? [], handler: '', labels: {} };
  }

  begin(everyMs: number): void {
    this.#parts.world.timeline.at(this.#caller.random() * everyMs, () => {
      this.#follow();
    });
  }

  /** The watch itself continues, because the ends that are still missing arrive after the faults. */
  stop(): void {
    this.#caller.isOver = true;
  }

  missing(): readonly string[] {
    return this.#parts.records
      .all()
      .filter((record) => this.#isOwed(record) && !this.#toldEnds.has(record.id))
      .map(({ id, state }) => `a watch of the queue was not told that ${id} is ${state}`);
  }

  #isOwed({ id, state, seq, spec }: JobRecord): boolean {
    if (spec.tenant !== defaultTenant || spec.queue !== defaultQueueName) return false;
    if (!isTerminal(state) || !this.#isWanted(state)) return false;
    return (this.#parts.records.durableAtMs.get(id)?.get(seq) ?? 0) > this.#sinceMs;
  }

  #isWanted(state: JobState): boolean {
    const { states } = this.#filter;
    return states.length === 0 || states.includes(state);
  }

  #follow(): void {
    this.#call += 1;
    const call = this.#call;
    const stretchMs = 1_000 + this.#caller.random() * stretchMostMs;
    const again = (): void => {
      if (call !== this.#call) return;
      this.#call += 1;
      this.#parts.world.timeline.at(this.#caller.random() * pauseMostMs, () => {
        this.#follow();
      });
    };
    const listen = async (useCases: UseCases, context: CallContext): Promise<void> => {
      for await (const update of useCases.watchJobs(context, {
        queue: '',
        filter: this.#filter,
        token: this.#token,
      })) {
        if (call !== this.#call) return;
        this.#hear(update);
      }
    };
    this.#parts.world.timeline.at(stretchMs + giveUpMs, again);
    this.#caller.ask(listen, this.#caller.anyNode(), stretchMs).catch((error: unknown) => {
      const code = this.#caller.refused(error);
      if (code === 'INVALID_RESUME_TOKEN') this.#parts.world.violation(7, 'a watch of the queue was refused its token');
      again();
    });
  }

  #hear({ record, resumeToken, gap }: JobsUpdate): void {
    const { world, witness, records } = this.#parts;
    if (gap) world.note('client', 'the watch of the queue has a gap');
    if (gap || this.#token === '') this.#sinceMs = world.nowMs;
    this.#token = resumeToken;
    if (record === undefined) return;
    const { id, state, seq, spec } = record;
    if (spec.tenant !== defaultTenant) world.violation(11, `a watch told ${id} of tenant ${spec.tenant}`);
    world.note('client', `watch of the queue: ${id} ${state}@${seq}`);
    if (!records.wasDurable(record)) {
      world.violation(7, `a watch of the queue told ${id} as ${state}@${seq}, which was never durable`);
    }
    const before = this.#toldSeq.get(id) ?? 0;
    if (seq < before && !witness.mayBeOld()) {
      world.violation(7, `a watch of the queue told ${id} at ${seq} after ${before}`);
    }
    if (!this.#isWanted(state))
      world.violation(7, `a watch of the queue told ${id} as ${state}, which it did not want`);
    this.#toldSeq.set(id, Math.max(seq, before));
    if (isTerminal(state)) this.#toldEnds.add(id);
  }
}
