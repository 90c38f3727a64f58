/**
 * Reads many jobs at once, a bounded number side by side. A job that is missing, foreign or out of the caller's sight is
 * named and fails nothing else. One whose payload is too large for the answer, or cannot be opened now, is shown without it.
 */
import { holdsIn } from '../../domain/access/principal.ts';
import { TroupeError } from '../../domain/errors.ts';
import { given } from '../../domain/given.ts';
import type { Payload } from '../../domain/job.ts';
import { someAtOnce } from '../../domain/some-at-once.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import { ensureAwaited, type ReadContext } from '../ports/call-context.ts';
import type { Clock } from '../ports/runtime.ts';
import type { JobView } from '../ports/shard-protocol.ts';
import {
  answeredMaxBytes,
  type FullJob,
  goneSince,
  type OpenedPayload,
  openInput,
  openOutput,
  type PayloadSource,
  sizeOf,
  unlessKeysAway,
} from './get-job.ts';
import type { JobReader } from './job-reader.ts';

/** Most ids of one call. */
const jobIdsMax = 200;
/** Jobs, and then payloads, that are read at a time. */
const readsMax = 32;
const opensMax = 8;

interface WantedPayloads {
  readonly input: boolean;
  readonly output: boolean;
}

interface ManyJobs {
  /** In the order in which they were asked for, each once. */
  readonly views: readonly FullJob[];
  /** Ids of the others, as the caller wrote them. */
  readonly missing: readonly string[];
}

export type GetJobs = (context: ReadContext, jobIds: readonly string[], wanted: WantedPayloads) => Promise<ManyJobs>;

export interface GetJobsParts extends PayloadSource {
  readonly reader: JobReader;
  readonly clock: Clock;
}

export function createGetJobs(parts: GetJobsParts): GetJobs {
  const { reader, clock } = parts;

  /** Undefined for a job that there is not, for this caller. */
  async function find(context: ReadContext, jobId: string): Promise<JobView | undefined> {
    try {
      return await reader.read(context, jobId);
    } catch (error) {
      if (error instanceof TroupeError && missingCodes.has(error.code)) return undefined;
      throw error;
    }
  }

  return async (context, jobIds, wanted) => {
    ensureAwaited(context, clock.nowMs());
    const checks = new FieldChecks();
    if (jobIds.length === 0) checks.add('job_ids', 'is required');
    if (jobIds.length > jobIdsMax) checks.add('job_ids', `must have at most ${jobIdsMax} ids`);
    checks.ensureNone();
    const ids = [...new Set(jobIds)];
    const found = new Map<string, JobView>();
    await someAtOnce(ids, readsMax, async (jobId) => {
      const view = await find(context, jobId);
      if (view !== undefined) found.set(jobId, view);
    });
    const views = ids.flatMap((jobId) => found.get(jobId) ?? []);
    return { views: await opened(parts, context, views, wanted), missing: ids.filter((jobId) => !found.has(jobId)) };
  };
}

/** Something that is no id is no job either. */
const missingCodes: ReadonlySet<string> = new Set(['JOB_NOT_FOUND', 'INVALID_ARGUMENT']);

/** Opens the payloads that are wanted, as far as they fit into one answer together, in order. */
async function opened(
  parts: GetJobsParts,
  { principal, reserve }: ReadContext,
  views: readonly JobView[],
  wanted: WantedPayloads,
): Promise<readonly FullJob[]> {
  if (!wanted.input && !wanted.output) return views;
  const nowMs = parts.clock.nowMs();
  let left = answeredMaxBytes;
  const full: FullJob[] = [...views];
  const open = async (payload: Payload, { record }: JobView, read: () => Promise<OpenedPayload | undefined>) => {
    const bytes = sizeOf(payload);
    const isShown = holdsIn(principal, 'payloads.read', record.spec.queue) && goneSince(record, nowMs) === undefined;
    if (isShown && bytes > left) return { kind: 'large', bytes } as const;
    if (isShown) left -= bytes;
    return unlessKeysAway(true, read());
  };
  await someAtOnce(views.entries(), opensMax, async ([at, view]) => {
    const { record } = view;
    const showing = { principal, record, nowMs, reserve };
    const { output: result } = record;
    const [input, output] = await Promise.all([
      wanted.input ? open(record.spec.input, view, () => openInput(parts, showing)) : undefined,
      wanted.output && result !== undefined ? open(result, view, () => openOutput(parts, showing)) : undefined,
    ]);
    full[at] = { ...view, ...given({ input, output }) };
  });
  return full;
}
