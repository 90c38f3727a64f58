/**
 * A durable subscriber of the modelled EVENTS stream. It must receive every event, in order, and durable before
 * delivery; of a job whose queue publishes ends alone, the end and nothing else.
 */
import type { JobEvent } from '../../../src/application/ports/bus.ts';
import { isPublished } from '../../../src/application/jobs/job-events.ts';
import { isTerminal, type JobEventType, type JobRecord } from '../../../src/domain/job.ts';
import type { JobId } from '../../../src/domain/job-id.ts';
import type { BusServer } from './bus-server.ts';
import type { RecordWatch } from './record-watch.ts';
import type { World } from './world.ts';

interface Received {
  seq: number;
  readonly types: Map<number, JobEventType>;
}

const readEveryMs = 150;

/** The numbers of the events that listeners get of a job, as far as it has come. */
function publishedSeqs(record: JobRecord): readonly number[] {
  if (record.spec.publishedEvents === 'ends') return isTerminal(record.state) ? [record.seq] : [];
  return Array.from({ length: record.seq }, (_, at) => at + 1);
}

export class Subscriber {
  readonly #world: World;
  readonly #server: BusServer;
  readonly #records: RecordWatch;
  readonly #received = new Map<JobId, Received>();
  #wipedMs = -1;

  constructor(world: World, server: BusServer, records: RecordWatch) {
    this.#world = world;
    this.#server = server;
    this.#records = records;
    server.onEvent = (event) => {
      this.#checkDurable(event);
    };
    this.#readLater();
  }

  /** JetStream has lost what this subscriber had not read. */
  wiped(): void {
    this.#wipedMs = this.#world.nowMs;
  }

  get wipedMs(): number {
    return this.#wipedMs;
  }

  read(): void {
    for (const event of this.#server.takeEvents()) this.#receive(event);
  }

  /** Whether no event is missing. */
  hasAll(): boolean {
    return this.#missing().length === 0;
  }

  checkComplete(): void {
    for (const what of this.#missing()) this.#world.violation(6, what);
  }

  #missing(): readonly string[] {
    return this.#records.all().flatMap((record) => {
      const received = this.#received.get(record.id);
      const missing: string[] = [];
      for (const seq of publishedSeqs(record)) {
        if (received?.types.has(seq) === true || this.#mayBeLost(record.id, seq)) continue;
        missing.push(`event ${seq} of ${record.id} never came`);
      }
      return missing;
    });
  }

  #readLater(): void {
    this.#world.timeline.at(readEveryMs, () => {
      this.read();
      this.#readLater();
    });
  }

  #receive({ jobId, seq, type }: JobEvent): void {
    const received = this.#received.get(jobId) ?? { seq: 0, types: new Map<number, JobEventType>() };
    this.#received.set(jobId, received);
    const known = received.types.get(seq);
    if (known !== undefined) {
      if (known !== type) this.#world.violation(6, `event ${seq} of ${jobId} was ${known} and then ${type}`);
      return;
    }
    received.types.set(seq, type);
    const record = this.#records.newest(jobId);
    if (record !== undefined && !isPublished(record, { type })) {
      this.#world.violation(6, `event ${seq} (${type}) of ${jobId} came although only its end is published`);
    }
    const earlier = record === undefined ? [] : publishedSeqs(record).filter((one) => one > received.seq && one < seq);
    for (const between of earlier) {
      if (!received.types.has(between) && !this.#mayBeLost(jobId, between)) {
        this.#world.violation(6, `event ${seq} of ${jobId} came before event ${between}`);
      }
    }
    received.seq = Math.max(received.seq, seq);
  }

  #mayBeLost(jobId: JobId, seq: number): boolean {
    return (this.#records.durableAtMs.get(jobId)?.get(seq) ?? Infinity) <= this.#wipedMs;
  }

  #checkDurable({ jobId, seq, type }: JobEvent): void {
    const entry = this.#records.newest(jobId)?.trail.find((one) => one.seq === seq);
    const isDurable = this.#records.durableAtMs.get(jobId)?.has(seq) === true;
    if (!isDurable || (entry !== undefined && entry.type !== type)) {
      this.#world.violation(6, `event ${seq} (${type}) of ${jobId} was told before it was durable`);
    }
  }
}
