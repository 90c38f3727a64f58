/** `troupe submit`: one job, or one for each of many files; with `--wait` or `--watch` it stays until they have ended. */
import { Option } from 'commander';
import type { Command } from 'commander';
import type { JobDraft, JobInfo, SubmitOutcome, SubmittedJob } from '../../client/index.ts';
import { uniqueConflicts } from '../../domain/job.ts';
import type { UniqueConflict } from '../../domain/job.ts';
import { withSession } from '../command-context.ts';
import type { CommandContext, Session } from '../command-context.ts';
import { explainError } from '../explain-error.ts';
import { exitCodeOf, exitCodes } from '../exit-code.ts';
import { codesFlag, countFlag, durationFlag, given, labelFlag, textFlag, timeFlag } from '../flag-values.ts';
import { followJobs } from '../follow-jobs.ts';
import type { FollowedJob } from '../follow-jobs.ts';
import { documentLine, jobDocument } from '../job-document.ts';
import { planInputs } from '../job-input.ts';
import type { PlannedInput } from '../job-input.ts';
import { exitCodeOfStates } from '../job-text.ts';
import { OutputFolder } from '../output-file.ts';

interface SubmitFlags {
  readonly each?: string;
  readonly inputFile?: string;
  readonly as?: string;
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
  readonly nonRetryableCode?: readonly string[];
  readonly wait?: boolean;
  readonly watch?: boolean;
  readonly outputDir?: string;
}

/** Files are read and sent in groups of so many, or so much: what a command holds in memory at once. */
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

function draftOf(handler: string, input: PlannedInput, flags: SubmitFlags, nowMs: number): JobDraft {
  const value = input.open === undefined ? input.read() : undefined;
  // One key for each file, so that the same command given again makes no second job of any of them.
  const retry = given({ maxAttempts: flags.maxAttempts, nonRetryableCodes: flags.nonRetryableCode });
  const key = flags.key === undefined || flags.each === undefined ? flags.key : `${flags.key}:${input.label}`;
  return {
    handler,
    ...(value !== undefined && { input: value }),
    ...given({
      handlerVersion: flags.handlerVersion,
      queue: flags.queue,
      runAt: flags.delay === undefined ? flags.runAt : new Date(nowMs + flags.delay),
      queueTimeoutMs: flags.queueTimeout,
      executionTimeoutMs: flags.executionTimeout,
      heartbeatTimeoutMs: flags.heartbeatTimeout,
      totalTimeoutMs: flags.totalTimeout,
      retentionMs: flags.retention,
      payloadRetentionMs: flags.payloadRetention,
      idempotencyKey: key,
      uniqueKey: flags.uniqueKey,
      uniqueWindowMs: flags.uniqueWindow,
      onConflict: flags.onConflict,
      priority: flags.priority,
      refuseLate: flags.refuseLate,
      concurrencyKey: flags.concurrencyKey,
      fairnessKey: flags.fairnessKey,
      labels: flags.label,
      retry: Object.keys(retry).length === 0 ? undefined : retry,
    }),
  };
}

/** A file that is sent as it is read is a group of its own. */
async function submitGroup(
  { signal }: CommandContext,
  { client }: Session,
  group: readonly PlannedInput[],
  drafts: readonly JobDraft[],
): Promise<readonly SubmitOutcome[]> {
  const [input] = group;
  const [draft] = drafts;
  if (input?.open === undefined || draft === undefined) return client.submitMany(drafts, { signal });
  const { handler, ...options } = draft;
  const source = { bytes: input.bytes, open: input.open };
  return [
    await client.submitStream(handler, source, { ...options, signal }).then(
      (ok) => ({ ok }),
      (error: unknown) => ({ error }),
    ),
  ];
}

interface Submitted {
  readonly accepted: readonly FollowedJob[];
  readonly firstError: unknown;
}

/** Says what became of each job as soon as it is known. */
async function submitAll(
  context: CommandContext,
  session: Session,
  handler: string,
  plan: { readonly inputs: readonly PlannedInput[]; readonly flags: SubmitFlags },
): Promise<Submitted> {
  const accepted: FollowedJob[] = [];
  let firstError: unknown;
  const stays = plan.flags.wait === true || plan.flags.watch === true;
  const report = (input: PlannedInput, job: SubmittedJob): void => {
    accepted.push({ id: job.jobId, label: plan.inputs.length === 1 ? job.jobId : input.label });
    if (stays) return;
    if (session.isJson) context.terminal.out(documentLine({ ...job, label: input.label }));
    else context.terminal.out(`${job.jobId}\n`);
  };
  for (const group of groupsOf(plan.inputs)) {
    const drafts = group.map((input) => draftOf(handler, input, plan.flags, context.nowMs()));
    const outcomes = await submitGroup(context, session, group, drafts);
    for (const [at, outcome] of outcomes.entries()) {
      const input = group[at];
      if (input === undefined) continue;
      if ('ok' in outcome) {
        report(input, outcome.ok);
      } else {
        firstError ??= outcome.error;
        const label = plan.inputs.length === 1 ? '' : `${input.label}: `;
        context.terminal.err(`troupe: ${label}${explainError(outcome.error)}\n`);
      }
    }
  }
  return { accepted, firstError };
}

async function follow(
  context: CommandContext,
  session: Session,
  jobs: readonly FollowedJob[],
  flags: SubmitFlags,
): Promise<readonly JobInfo[]> {
  const { terminal, signal, nowMs } = context;
  const folder = flags.outputDir === undefined ? undefined : new OutputFolder(flags.outputDir);
  return followJobs({
    ...{ client: session.client, jobs, terminal, signal, nowMs },
    quiet: flags.watch !== true,
    onEnd: (job, followed) => {
      const path = job.output === undefined ? undefined : folder?.save(followed.label, job.output);
      if (session.isJson) terminal.out(documentLine({ ...jobDocument(job), ...(path && { outputFile: path }) }));
      else if (path !== undefined) terminal.out(`${path}\n`);
      else if (flags.watch !== true) terminal.out(`${job.id}  ${job.state}\n`);
    },
  });
}

async function submit(
  context: CommandContext,
  session: Session,
  handler: string,
  plan: { readonly inputs: readonly PlannedInput[]; readonly flags: SubmitFlags },
): Promise<number> {
  const { accepted, firstError } = await submitAll(context, session, handler, plan);
  const refused = firstError === undefined ? exitCodes.ok : exitCodeOf(firstError);
  if (plan.flags.wait !== true && plan.flags.watch !== true) return refused;
  const ended = await follow(context, session, accepted, plan.flags);
  return refused === exitCodes.ok ? exitCodeOfStates(ended.map((job) => job.state)) : refused;
}

export function addSubmitCommand(program: Command, context: CommandContext): void {
  program
    .command('submit <handler> [json]')
    .description('submit a job with this input, or one job for each of many files')
    .option('--each <glob>', "one job for each file that matches: --each 'photos/*.jpg'")
    .option('--input-file <file>', 'input from a file, or - for standard input')
    .option('--as <form>', 'json or bytes: how a file is sent (default: .json files as json, others as bytes)')
    .option(
      '--handler-version <version>',
      'run it on this version only (1.4.0), or on at least this one (>=1.4)',
      textFlag('handler-version'),
    )
    .option('--queue <name>', 'queue to wait in (default)', textFlag('queue'))
    .option(
      '--key <key>',
      'idempotency key: submitting again gives the same job; with --each it is made one per file',
      textFlag('key'),
    )
    .option('--unique-key <key>', 'at most one unfinished job has this key', textFlag('unique-key'))
    .option('--unique-window <duration>', 'hold the unique key so long, whatever ends', durationFlag('unique-window'))
    .addOption(
      new Option('--on-conflict <way>', 'what to do while another job has the unique key (reject)').choices(
        uniqueConflicts,
      ),
    )
    .option('--refuse-late', 'refuse it when it would more likely than not miss its timeout')
    .option('--priority <level>', '0 (lowest) to 4 (2)', countFlag('priority', 0, 4))
    .option(
      '--concurrency-key <key>',
      'jobs of the queue with the same one run one at a time (see queues update)',
      textFlag('concurrency-key'),
    )
    .option('--fairness-key <key>', 'jobs of the queue with different ones take turns', textFlag('fairness-key'))
    .option('--label <name=value>', 'to find the job by; may be repeated', labelFlag)
    .option('--run-at <time>', 'not before this time', timeFlag('run-at'))
    .option('--delay <duration>', 'not before so long from now', durationFlag('delay'))
    .option('--queue-timeout <duration>', 'expire it if it has not started after', durationFlag('queue-timeout'))
    .option('--execution-timeout <duration>', 'longest run of one attempt', durationFlag('execution-timeout'))
    .option(
      '--heartbeat-timeout <duration>',
      'longest silence of an attempt, 0s for none',
      durationFlag('heartbeat-timeout'),
    )
    .option('--total-timeout <duration>', 'longest time over all attempts', durationFlag('total-timeout'))
    .option('--retention <duration>', 'how long it is kept', durationFlag('retention'))
    .option(
      '--payload-retention <duration>',
      'how long its input and output are kept (as long as it)',
      durationFlag('payload-retention'),
    )
    .option('--max-attempts <count>', 'attempts that may fail', countFlag('max-attempts', 1, 100))
    .option('--non-retryable-code <code>', 'error code that is never retried, or none; may be repeated', codesFlag)
    .option('--wait', 'stay until it has ended; the exit code tells how')
    .option('--watch', 'the same, and show how it fares')
    .option('--output-dir <dir>', 'write outputs there (with --wait or --watch)')
    .action(async (handler: string, json: string | undefined, flags: SubmitFlags, command: Command) => {
      const chosen = flags.outputDir === undefined || flags.watch === true ? flags : { ...flags, wait: true };
      const inputs = await planInputs(json, flags, context.terminal);
      context.done(
        await withSession(context, command, (session) => submit(context, session, handler, { inputs, flags: chosen })),
      );
    });
}
