/**
 * Load: erases payloads repeatedly, of jobs that have ended and of some that have not. Checks that an answered erasure
 * is durable, that the payload store has nothing left, that no gateway shows a payload to a later reader, whatever its
 * cache held and whatever died meanwhile, and that the job is otherwise unchanged (`RecordWatch`).
 *
 * One exception is allowed: a gateway that did not answer the notification may show payloads that are inline in its
 * copy.
 */
import type { FullJob, OpenedPayload } from '../../../src/application/jobs/get-job.ts';
import { isTerminal, type Payload } from '../../../src/domain/job.ts';
import type { JobId } from '../../../src/domain/job-id.ts';
import { payloadIds } from '../../../src/domain/payload-life.ts';
import type { Host } from './host.ts';
import type { RecordWatch } from './record-watch.ts';
import { SimCaller, type SimCallerParts } from './sim-caller.ts';
import type { SimNode } from './sim-node.ts';
import type { StoreExtras } from './store-extras.ts';
import type { Witness } from './witness.ts';

export interface SimDeletesParts extends SimCallerParts {
  readonly witness: Witness;
  readonly records: RecordWatch;
  readonly extras: StoreExtras;
}

interface Erasure {
  /** Time of the first answer. */
  readonly atMs: number;
  /** Processes that have dropped their copy. */
  readonly told: ReadonlySet<string>;
}

const looksWithinMs = 8_000;

export class SimDeletes {
  readonly #parts: SimDeletesParts;
  readonly #caller: SimCaller;
  readonly #erased = new Map<JobId, Erasure>();
  readonly #told = new Map<string, Set<string>>();

  constructor(parts: SimDeletesParts) {
    this.#parts = parts;
    this.#caller = new SimCaller('deletes', parts);
  }

  begin(everyMs: number): void {
    this.#caller.begin(everyMs, () => {
      this.#act();
    });
  }

  /** Reads every erased job once more. */
  stop(): void {
    this.#caller.isOver = true;
    for (const id of this.#erased.keys()) this.#lookLater(id);
  }

  /** A process has replaced its copy by the erased record. */
  told(jobId: string, host: Host): void {
    this.#told.set(jobId, (this.#told.get(jobId) ?? new Set()).add(host.name));
  }

  #act(): void {
    const { random } = this.#caller;
    const dice = random();
    if (dice < 0.15) this.#erase(this.#caller.one([...this.#erased.keys()]));
    else this.#eraseWhatIsKnown(dice < 0.3 ? () => true : isTerminal);
  }

  /** Lets one gateway cache the job, erases it through another, and reads it from the first again. */
  #eraseWhatIsKnown(isWanted: (state: FullJob['record']['state']) => boolean): void {
    const { witness, records } = this.#parts;
    const wanted = [...witness.accepted].filter((id) => {
      const record = records.newest(id);
      return record !== undefined && isWanted(record.state);
    });
    const id = this.#caller.one(wanted);
    const reader = this.#caller.anyNode();
    if (id === undefined || reader === undefined) return;
    this.#caller
      .ask((useCases, context) => useCases.getJob(context, id), reader)
      .then(
        () => {
          this.#erase(id, reader);
        },
        (error: unknown) => {
          this.#caller.refused(error);
        },
      );
  }

  #erase(id: JobId | undefined, reader?: SimNode): void {
    const node = this.#caller.anyNode();
    if (id === undefined || node === undefined) return;
    const { world, witness, records } = this.#parts;
    const hasEnded = witness.hasSeenEnd(id);
    records.mayErase(id);
    this.#caller
      .ask((useCases, context) => useCases.eraseJobPayloads(context, id), node)
      .then(
        ({ record }) => {
          world.note('client', `${id} is erased by ${node.nodeId}`);
          if (!isTerminal(record.state)) world.violation(2, `${id} was erased as ${record.state}`);
          this.told(id, node.host);
          this.#answered(id);
          if (reader !== undefined) this.#look(id, reader);
          this.#lookLater(id);
        },
        (error: unknown) => {
          const code = this.#caller.refused(error);
          if (code !== 'JOB_STATE_FORBIDS' || !hasEnded || witness.mayBeOld()) return;
          world.violation(7, `${id} was not erased, after somebody had seen its end`);
        },
      );
  }

  #answered(id: JobId): void {
    const { world, records, extras } = this.#parts;
    const first = this.#erased.get(id);
    const told = this.#told.get(id) ?? new Set();
    this.#erased.set(id, { atMs: first?.atMs ?? world.nowMs, told: new Set([...(first?.told ?? []), ...told]) });
    if (records.newest(id)?.payloadsErasedAtMs === undefined) {
      world.violation(1, `${id} was called erased, and that is not durable`);
    }
    const before = records.beforeErase(id);
    for (const payload of before === undefined ? [] : payloadIds(before)) {
      if (extras.payloads.has(payload)) world.violation(1, `${id} was called erased, and ${payload} is there`);
    }
  }

  #lookLater(id: JobId): void {
    this.#parts.world.timeline.at(this.#caller.random() * looksWithinMs, () => {
      this.#look(id, this.#caller.anyNode());
    });
  }

  #look(id: JobId, node: SimNode | undefined): void {
    const erasure = this.#erased.get(id);
    if (node === undefined || erasure === undefined) return;
    const isBound = erasure.told.has(node.host.name) || node.host.beganMs > erasure.atMs;
    this.#caller
      .ask((useCases, context) => useCases.getJob(context, id), node)
      .then(
        (job) => {
          const shown = shownOf(job);
          this.#parts.world.note('client', `${id} by ${node.nodeId} shows ${shown.length} payloads`);
          if (this.#parts.witness.mayBeOld()) return;
          if (!shown.some((payload) => isBound || payload.kind === 'ref')) return;
          this.#parts.world.violation(7, `${node.nodeId} shows a payload of ${id}, which was erased`);
        },
        (error: unknown) => {
          this.#caller.refused(error);
        },
      );
  }
}

/** The payloads that a reader was shown, as the record names them. */
function shownOf({ record, input, output }: FullJob): readonly Payload[] {
  const isShown = (opened: OpenedPayload | undefined): boolean => opened !== undefined && opened.kind !== 'gone';
  return [
    ...(isShown(input) ? [record.spec.input] : []),
    ...(isShown(output) && record.output !== undefined ? [record.output] : []),
  ];
}
