/**
 * Follows one job: yields its present view, then each newer one up to the last.
 *
 * A live announcement only says that something changed; the change itself is read from the job. So lost, duplicate or
 * reordered announcements only cost time, and a poll finds what none of them announced. The watch is bounded: a slow
 * reader skips views, and nothing queues up for it. Views never go back (by `seq`).
 */
import { isTerminal, type JobRecord } from '../../domain/job.ts';
import { ensureAwaited, ensureHolds, type ReadContext } from '../ports/call-context.ts';
import { type FullJob, openOutput, type PayloadSource } from './get-job.ts';
import type { JobReader } from './job-reader.ts';
import { parseResumeToken, resumeToken } from '../calls/page-token.ts';
import type { LiveFeed } from '../ports/bus.ts';
import type { Clock } from '../ports/runtime.ts';
import { LogCursor, type LogPage, logStart } from './read-log.ts';
import type { ShardBatcher } from '../protocol/shard-batcher.ts';
import { createWakeUp } from '../calls/wake-up.ts';
import { readableJob } from './readable-job.ts';
import { WatchedProgress } from './watched-progress.ts';
import { given } from '../../domain/given.ts';

/** Without news the job is read again after this time. */
const pollMs = 5_000;
/** If news are ahead of what can be read, it reads again after this time, then twice this time, up to `pollMs`. */
const lagFloorMs = 50;
/** Least time between two progress notes that are passed on. */
const progressGapMs = 100;

export interface WatchJobParts extends PayloadSource {
  readonly reader: JobReader;
  readonly feed: LiveFeed;
  readonly clock: Clock;
  readonly batcher: ShardBatcher;
}

export interface WatchUpdate {
  /** The last update includes the output. */
  readonly job: FullJob;
  readonly resumeToken: string;
  /** Only if log lines were requested. */
  readonly log?: LogPage;
}

interface WatchOptions {
  /** Resume token. If empty, the watch starts at the beginning. */
  readonly token: string;
  /** Whether to include the log lines of the attempts. */
  readonly logs: boolean;
}

export type WatchJob = (
  context: ReadContext,
  jobId: string,
  options: WatchOptions,
) => AsyncGenerator<WatchUpdate, void>;

export function createWatchJob(parts: WatchJobParts): WatchJob {
  const { reader, feed, clock } = parts;

  return async function* watchJob(context, jobId, { token, logs }) {
    ensureAwaited(context, clock.nowMs());
    const first = await reader.read(context, jobId);
    const { id, spec } = first.record;
    if (logs) ensureHolds(context, 'logs.read', spec.queue);
    const from = token === '' ? undefined : parseResumeToken(token, id);
    const cursor = logs ? cursorOf(parts, context, first.record, from?.log) : undefined;
    let linesDue = logs;
    let seenSeq = from?.seq ?? 0;
    let toldSeq = 0;
    let readAtMs = clock.monotonicMs();
    let quietUntilMs = readAtMs;
    const progress = new WatchedProgress();
    const told = { context, progress, cursor };
    const wakeUp = createWakeUp(clock, context.signal);
    const unsubscribe = feed.watchJob({ jobId: id, tenant: spec.tenant, queue: spec.queue }, (change) => {
      if (change.kind === 'event') toldSeq = Math.max(toldSeq, change.seq);
      else if (change.kind === 'log') linesDue = logs;
      else progress.hear(change.progress);
      wakeUp.wake();
    });
    try {
      let { record } = first;
      let lagMs = lagFloorMs;
      let due = true;
      for (;;) {
        ensureAwaited(context, clock.nowMs());
        if (due) {
          const knownSeq = Math.max(seenSeq, toldSeq);
          const view = isTerminal(record.state) ? first : await reader.read(context, id, knownSeq);
          readAtMs = clock.monotonicMs();
          progress.read(view);
          // A watch that continues may begin with an older answer than its token. An end is final, so it is never older,
          // even if its number is lower, as after a restore from a backup.
          if (view.record.seq >= seenSeq || isTerminal(view.record.state)) ({ record } = view);
          if (record.seq > seenSeq || isTerminal(record.state)) {
            seenSeq = record.seq;
            linesDue = logs;
            // The last update carries all remaining log lines.
            const log = isTerminal(record.state) ? await cursor?.rest(record) : undefined;
            yield await toUpdate(parts, record, { ...told, log });
            if (isTerminal(record.state)) return;
          }
        }
        if (progress.isNews(record) && clock.monotonicMs() >= quietUntilMs) {
          yield await toUpdate(parts, record, told);
          quietUntilMs = clock.monotonicMs() + progressGapMs;
        }
        while (cursor !== undefined && linesDue) {
          linesDue = false;
          for (let log = await cursor.next(); log !== undefined; log = await cursor.next()) {
            yield await toUpdate(parts, record, { ...told, log });
          }
        }
        if (toldSeq > seenSeq && due) {
          await wakeUp.sleep(lagMs, { deaf: true });
          lagMs = Math.min(lagMs * 2, pollMs);
        } else {
          lagMs = lagFloorMs;
          const nextAtMs = progress.isNews(record) ? quietUntilMs : readAtMs + pollMs;
          await wakeUp.sleep(Math.max(0, nextAtMs - clock.monotonicMs()));
        }
        due = toldSeq > seenSeq || clock.monotonicMs() - readAtMs >= pollMs;
      }
    } finally {
      unsubscribe();
      wakeUp.close();
    }
  };
}

function cursorOf(parts: WatchJobParts, context: ReadContext, record: JobRecord, seen = logStart): LogCursor {
  return new LogCursor({ ...parts, context }, record, seen);
}

/** What accompanies a view. */
interface Told {
  readonly context: ReadContext;
  readonly progress: WatchedProgress;
  readonly cursor: LogCursor | undefined;
  readonly log?: LogPage | undefined;
}

async function toUpdate(
  parts: WatchJobParts,
  record: JobRecord,
  { context, progress, cursor, log }: Told,
): Promise<WatchUpdate> {
  const { principal, reserve } = context;
  const showing = { principal, record, nowMs: parts.clock.nowMs(), reserve };
  const output = isTerminal(record.state) ? await openOutput(parts, showing) : undefined;
  const known = progress.of(record);
  progress.told(record);
  const view = await readableJob(parts.sealing, context, { record, ...given({ progress: known }) });
  return {
    job: { ...view, ...given({ output }) },
    resumeToken: resumeToken(record.id, record.seq, cursor?.seen),
    ...given({ log }),
  };
}
