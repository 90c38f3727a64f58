/**
 * Load: handlers log lines, which are read while they run and afterwards. Checks that lines come in order and once,
 * that each is as its run logged it, that all lines of an attempt come from one run and stay within the bounds, and
 * that the log is complete once a reader has seen that the attempt ended.
 *
 * Lines that are lost with a node or with the owner of a shard while an attempt runs are no violation. What remains of
 * a short log must then be its beginning.
 */
import type { LogPage } from '../../../src/application/jobs/read-log.ts';
import type { JobRecord } from '../../../src/domain/job.ts';
import type { JobId } from '../../../src/domain/job-id.ts';
import { isAfter, JobLog, type LogLine, type LogPosition, storedLogsMax } from '../../../src/domain/job-log.ts';
import type { Executions } from './executions.ts';
import type { RecordWatch } from './record-watch.ts';
import { SimCaller, type SimCallerParts } from './sim-caller.ts';
import type { Witness } from './witness.ts';

export interface SimLogsParts extends SimCallerParts {
  readonly witness: Witness;
  readonly records: RecordWatch;
  readonly executions: Executions;
}

/** Attempts that ended, and those in the memory of the shard. */
const attemptsMax = storedLogsMax + 2;
const attemptBytesMax = 64 * 1_024;

export class SimLogs {
  readonly #parts: SimLogsParts;
  readonly #caller: SimCaller;

  constructor(parts: SimLogsParts) {
    this.#parts = parts;
    this.#caller = new SimCaller('logs', parts);
    parts.executions.speaks = true;
  }

  begin(everyMs: number): void {
    this.#caller.begin(everyMs, () => {
      this.#read();
    });
  }

  stop(): void {
    this.#caller.isOver = true;
  }

  /** Reads the job first, so that its log is at least as new as the record. */
  #read(): void {
    const { world, records, executions } = this.#parts;
    const own = [...executions.speakers].filter((one) => records.newest(one)?.spec.tenant === this.#caller.tenant);
    const id = this.#caller.one(own);
    if (id === undefined) return;
    const seen = this.#caller.ask((useCases, context) => useCases.getJob(context, id));
    seen
      .then(async ({ record }) => {
        const page = await this.#caller.ask((useCases, context) => useCases.getJobLog(context, id));
        world.note('client', `log of ${id}: ${page.lines.length} lines, ${page.skipped} are not there`);
        this.#check(id, page, record);
      })
      .catch((error: unknown) => {
        this.#caller.refused(error);
      });
  }

  #check(id: JobId, { lines, skipped }: LogPage, seen: JobRecord): void {
    const wrong = (what: string): void => {
      this.#parts.world.violation(7, `the log of ${id} ${what}`);
    };
    let last: LogPosition = { attempt: 0, number: 0 };
    for (const line of lines) {
      if (!isAfter(line, last)) wrong(`tells line ${nameOf(line)} after ${nameOf(last)}`);
      last = line;
    }
    const attempts = Map.groupBy(lines, ({ attempt }) => attempt);
    if (attempts.size > attemptsMax) wrong(`has ${attempts.size} attempts`);
    let missing = 0;
    for (const [attempt, said] of attempts) {
      missing += (said.at(-1)?.number ?? 0) - said.length;
      this.#checkAttempt(attempt, said, wrong);
    }
    if (missing !== skipped) wrong(`leaves out ${missing} lines and says ${skipped}`);
    const { records, witness } = this.#parts;
    if (!records.isErasable(id) && !witness.mayBeOld()) this.#checkKept(seen, attempts, wrong);
  }

  #checkAttempt(attempt: number, lines: readonly LogLine[], wrong: (what: string) => void): void {
    const { executions } = this.#parts;
    const runId = runOf(lines);
    const said = executions.saidBy(runId);
    if (executions.get(runId)?.attempt !== attempt) wrong(`has lines of ${runId} as attempt ${attempt}`);
    for (const line of lines) {
      if (said[line.number - 1] !== line.text) wrong(`has another line ${nameOf(line)} than ${runId} said`);
    }
    const bytes = lines.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
    if (bytes > attemptBytesMax) wrong(`has ${bytes} bytes of attempt ${attempt}`);
    const isShort = keptOf(said).length === said.length;
    if (isShort && lines.at(-1)?.number !== lines.length) wrong(`has no beginning of attempt ${attempt}`);
  }

  /** Checks the logs that were recorded with the outcomes of attempts. */
  #checkKept(
    { id, state, attempt, logs = [] }: JobRecord,
    attempts: ReadonlyMap<number, readonly LogLine[]>,
    wrong: (what: string) => void,
  ): void {
    const { executions, records } = this.#parts;
    const stored = new Set(logs.map((log) => log.attempt));
    const runs = executions.of(id).filter((run) => run.attempt === attempt && run.how === 'succeeded');
    const hasSpoken = runs.length > 0 && runs.every(({ runId }) => executions.saidBy(runId).length > 0);
    if (state === 'SUCCEEDED' && hasSpoken && !stored.has(attempt)) wrong('was not kept with the result');
    const present = new Set(records.newest(id)?.logs?.map((log) => log.attempt));
    for (const ended of stored) {
      // Three logs are kept, so a newer one may have replaced it meanwhile.
      if (!present.has(ended)) continue;
      const lines = attempts.get(ended) ?? [];
      const wanted = keptOf(executions.saidBy(runOf(lines)));
      if (lines.length === 0 || lines.length !== wanted.length || lines.at(-1)?.number !== wanted.at(-1)?.number) {
        wrong(`has ${lines.length} of ${wanted.length} lines of attempt ${ended}, which has ended`);
      }
    }
  }
}

/** The part of these lines that a log must keep. */
function keptOf(texts: readonly string[]): readonly LogLine[] {
  const log = new JobLog();
  for (const [index, text] of texts.entries()) {
    log.add({ attempt: 1, number: index + 1, atMs: 0, level: 'info', text });
  }
  return log.after(0);
}

/** Each line begins with the id of its run. */
function runOf(lines: readonly LogLine[]): string {
  return lines[0]?.text.split(' ')[0] ?? '';
}

function nameOf({ attempt, number }: LogPosition): string {
  return `${attempt}.${number}`;
}
