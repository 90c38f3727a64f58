/**
 * Opens the texts of a job for those who may read them: its failure, its progress note, its log lines.
 *
 * A text that cannot be opened hides nothing else: the job is shown without it, and says why.
 */
import { holdsIn } from '../../domain/access/principal.ts';
import { given } from '../../domain/given.ts';
import type { Failure, JobRecord } from '../../domain/job.ts';
import type { LogLine } from '../../domain/job-log.ts';
import type { CallContext } from '../ports/call-context.ts';
import type { JobProgress, JobView } from '../ports/shard-protocol.ts';
import { openFailure, openLine, openNote } from '../sealing/job-seals.ts';
import { noSealing, type Sealing } from '../sealing/sealing.ts';
import { isDamagedSeal } from '../storage/damaged-payload.ts';

export async function readableJob<View extends JobView>(
  sealing: Sealing = noSealing,
  { principal }: Pick<CallContext, 'principal'>,
  view: View,
): Promise<View> {
  const { record, progress } = view;
  const hasSealed = record.failure?.sealed !== undefined || progress?.sealedNote !== undefined;
  if (!hasSealed || !holdsIn(principal, 'payloads.read', record.spec.queue)) return view;
  const [failure, shown] = await Promise.all([
    record.failure && readableFailure(sealing, record, record.failure),
    progress && readableProgress(sealing, record, progress),
  ]);
  return { ...view, record: { ...record, ...given({ failure }) }, ...given({ progress: shown }) };
}

async function readableFailure(sealing: Sealing, record: JobRecord, failure: Failure): Promise<Failure> {
  return openFailure(sealing, record, failure).catch((error: unknown) => {
    const { sealed, ...shown } = failure;
    return sealed === undefined ? shown : { ...shown, message: whyUnread(error) };
  });
}

async function readableProgress(sealing: Sealing, record: JobRecord, progress: JobProgress): Promise<JobProgress> {
  const { fraction, sealedNote } = progress;
  if (sealedNote === undefined) return progress;
  return { fraction, note: await openNote(sealing, record, sealedNote).catch(whyUnread) };
}

/** The caller may read the log. */
export async function readableLines(
  sealing: Sealing = noSealing,
  record: JobRecord,
  lines: readonly LogLine[],
): Promise<readonly LogLine[]> {
  return Promise.all(
    lines.map(async ({ sealed, ...line }) => {
      if (sealed === undefined) return line;
      return { ...line, text: await openLine(sealing, record, { ...line, sealed }).catch(whyUnread) };
    }),
  );
}

function whyUnread(error: unknown): string {
  return isDamagedSeal(error)
    ? '(this text is sealed, and damaged)'
    : '(this text is sealed, and its key is not available now)';
}
