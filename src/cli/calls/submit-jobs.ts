/** Reads planned inputs and submits a job for each. Each outcome is reported as soon as it is known. */
import type { JobDraft, SubmitOutcome, SubmittedJob } from '../../client/index.ts';
import type { UniqueConflict } from '../../domain/job.ts';
import { oneLine } from '../../domain/printable.ts';
import type { CommandContext, Session } from './command-context.ts';
import { errorDocument, explainError } from '../errors/explain-error.ts';
import { exitCodeOf } from '../errors/exit-code.ts';
import { orNone } from '../flags/flag-values.ts';
import { complete, given } from '../../domain/given.ts';
import type { FollowedJob } from './follow-jobs.ts';
import { documentLine } from '../text/job-document.ts';
import type { PlannedInput } from './job-input.ts';

export interface JobFlags {
  readonly each?: string;
  readonly handlerVersion?: string;
  readonly queue?: string;
  readonly key?: string;
  readonly uniqueKey?: string;
  readonly uniqueWindow?: number;
  readonly onConflict?: UniqueConflict;
  readonly priority?: number;
  readonly refuseLate?: boolean;
  readonly concurrencyKey?: string;
  readonly fairnessKey?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly runAt?: Date;
  readonly delay?: number;
  readonly queueTimeout?: number;
  readonly executionTimeout?: number;
  readonly heartbeatTimeout?: number;
  readonly totalTimeout?: number;
  readonly retention?: number;
  readonly payloadRetention?: number;
  readonly maxAttempts?: number;
  readonly maxLosses?: number;
  readonly nonRetryableCode?: readonly string[];
}

export interface SubmitPlan {
  readonly handler: string;
  readonly inputs: readonly PlannedInput[];
  readonly flags: JobFlags;
  /** True if the command waits for the jobs and reports their ends. */
  readonly stays: boolean;
  /** Called for each accepted job. */
  readonly accepted: (job: FollowedJob) => void;
}

/** Files are read and sent in groups of at most this many jobs and bytes. This bounds the memory of the command. */
const groupJobsMax = 200;
const groupBytesMax = 32 * 1_048_576;

function* groupsOf(inputs: readonly PlannedInput[]): Generator<readonly PlannedInput[]> {
  let group: PlannedInput[] = [];
  let bytes = 0;
  for (const input of inputs) {
    const alone = input.open !== undefined || group[0]?.open !== undefined;
    if (group.length === groupJobsMax || (group.length > 0 && (alone || bytes + input.bytes > groupBytesMax))) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(input);
    bytes += input.bytes;
  }
  if (group.length > 0) yield group;
}

/** Reads an input. Throws UsageError if it cannot be read or is invalid. */
function draftOf({ handler, flags }: SubmitPlan, input: PlannedInput, nowMs: number): JobDraft {
  const value = input.open === undefined ? input.read() : undefined;
  // One key per file, so that repeating the command creates no second job for any of them.
  const retry = given({
    maxAttempts: flags.maxAttempts,
    maxLosses: flags.maxLosses,
    nonRetryableCodes: flags.nonRetryableCode,
  });
  const key = flags.key === undefined || flags.each === undefined ? flags.key : `${flags.key}:${input.label}`;
  return complete<JobDraft>({
    handler,
    input: value,
    handlerVersion: flags.handlerVersion,
    queue: flags.queue,
    runAt: flags.delay === undefined ? flags.runAt : new Date(nowMs + flags.delay),
    queueTimeoutMs: flags.queueTimeout,
    executionTimeoutMs: flags.executionTimeout,
    heartbeatTimeoutMs: orNone(flags.heartbeatTimeout),
    totalTimeoutMs: flags.totalTimeout,
    retentionMs: flags.retention,
    payloadRetentionMs: flags.payloadRetention,
    idempotencyKey: key,
    idempotent: undefined,
    uniqueKey: flags.uniqueKey,
    uniqueWindowMs: flags.uniqueWindow,
    onConflict: flags.onConflict,
    priority: flags.priority,
    refuseLate: flags.refuseLate,
    concurrencyKey: flags.concurrencyKey,
    fairnessKey: flags.fairnessKey,
    labels: flags.label,
    retry: Object.keys(retry).length === 0 ? undefined : retry,
  });
}

interface Drafted {
  readonly input: PlannedInput;
  readonly draft: JobDraft;
}

/** A streamed file is a group of its own. */
async function submitGroup(
  { signal }: CommandContext,
  { client }: Session,
  group: readonly Drafted[],
): Promise<readonly SubmitOutcome[]> {
  const [first] = group;
  if (first?.input.open === undefined) {
    return client.submitMany(
      group.map(({ draft }) => draft),
      { signal },
    );
  }
  const { handler, ...options } = first.draft;
  const source = { bytes: first.input.bytes, open: first.input.open };
  return [
    await client.submitStream(handler, source, { ...options, signal }).then(
      (ok) => ({ ok }),
      (error: unknown) => ({ error }),
    ),
  ];
}

/**
 * Resolves to the exit code of the first job that was refused or whose input could not be read, and to undefined if all
 * were accepted.
 */
export async function submitJobs(
  context: CommandContext,
  session: Session,
  plan: SubmitPlan,
): Promise<number | undefined> {
  const { terminal, signal, nowMs } = context;
  const isOnly = plan.inputs.length === 1;
  let code: number | undefined;
  const accept = (input: PlannedInput, job: SubmittedJob): void => {
    plan.accepted({ id: job.jobId, label: isOnly ? job.jobId : input.label });
    if (plan.stays) return;
    terminal.out(session.isJson ? documentLine({ ...job, label: input.label }) : `${job.jobId}\n`);
  };
  const refuse = (input: PlannedInput, error: unknown): void => {
    code ??= exitCodeOf(error);
    const words = `troupe: ${isOnly ? '' : `${oneLine(input.label)}: `}${explainError(error)}\n`;
    const document = { ...(isOnly ? {} : { label: input.label }), ...errorDocument(error) };
    terminal.err(session.isJson ? documentLine(document) : words);
  };
  for (const group of groupsOf(plan.inputs)) {
    const drafted = group.flatMap((input): Drafted[] => {
      try {
        return [{ input, draft: draftOf(plan, input, nowMs()) }];
      } catch (error) {
        refuse(input, error);
        return [];
      }
    });
    const outcomes = drafted.length === 0 ? [] : await submitGroup(context, session, drafted);
    drafted.forEach(({ input }, at) => {
      const outcome = outcomes[at];
      if (outcome !== undefined && 'ok' in outcome) accept(input, outcome.ok);
      // A submit that Ctrl-C interrupted was not refused.
      else if (!signal.aborted) refuse(input, outcome?.error);
    });
    signal.throwIfAborted();
  }
  return code;
}
