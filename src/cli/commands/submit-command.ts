/**
 * `troupe submit`: submits one job, or one for each of many files. With `--wait` or `--watch` it waits until they have
 * ended.
 */
import { type Command, Option } from 'commander';
import type { JobInfo } from '../../client/index.ts';
import { uniqueConflicts } from '../../domain/job.ts';
import { oneLine } from '../../domain/printable.ts';
import { type CommandContext, type Session, withSession } from '../calls/command-context.ts';
import { exitCodes } from '../errors/exit-code.ts';
import { codesFlag, countFlag, durationFlag, labelFlag, textFlag, timeFlag } from '../flags/flag-values.ts';
import { type FollowedJob, followJobs } from '../calls/follow-jobs.ts';
import { documentLine, jobDocument } from '../text/job-document.ts';
import { type InputFlags, planInputs, type PlannedInput } from '../calls/job-input.ts';
import { exitCodeOfStates, largeOutputText, stateText } from '../text/job-text.ts';
import { OutputFolder } from '../calls/output-file.ts';
import { type JobFlags, submitJobs } from '../calls/submit-jobs.ts';
import { given } from '../../domain/given.ts';

interface SubmitFlags extends JobFlags, InputFlags {
  readonly each?: string;
  readonly wait?: boolean;
  readonly watch?: boolean;
  readonly outputDir?: string;
}

interface Submission {
  readonly handler: string;
  readonly inputs: readonly PlannedInput[];
  readonly flags: SubmitFlags;
}

/** At most this many ids are printed. */
const namedMax = 20;

/** Tells a user who stopped waiting, or could not wait, how to find the jobs. */
function sayGoesOn({ terminal }: CommandContext, { isJson, addressFlag }: Session, ids: readonly string[]): void {
  const [first] = ids;
  if (first === undefined) return;
  if (isJson) {
    terminal.err(documentLine({ goesOn: ids }));
    return;
  }
  const watch = `troupe watch ${ids.slice(0, namedMax).join(' ')}${addressFlag}`;
  if (ids.length === 1) terminal.err(`the job continues; follow it with: ${watch}\n`);
  else if (ids.length <= namedMax) terminal.err(`${ids.length} jobs continue; follow them with: ${watch}\n`);
  else terminal.err(`${ids.length} jobs continue; follow the first of them with: ${watch}\n`);
}

/** The result line of an ended job: the path of its output if that is saved, otherwise how the job ended and why. */
function resultText(
  { nowMs }: CommandContext,
  { isJson }: Session,
  { inputs, flags }: Submission,
  ended: { readonly job: JobInfo; readonly label: string; readonly path: string | undefined },
): string {
  const { job, label, path } = ended;
  const isOnly = inputs.length === 1;
  if (isJson) {
    return documentLine({
      ...jobDocument(job),
      ...given({ label: !isOnly ? label : undefined, outputFile: path || undefined }),
    });
  }
  if (path !== undefined) return `${path}\n`;
  const large = largeOutputText(job);
  const output = large === undefined ? '' : `output    ${large}\n`;
  if (flags.watch === true) return output;
  return `${isOnly ? '' : `${oneLine(label)}  `}${job.id}  ${stateText(job, nowMs())}\n${output}`;
}

async function submitAndStay(context: CommandContext, session: Session, submission: Submission): Promise<number> {
  const { terminal, signal, nowMs } = context;
  const { flags } = submission;
  context.awaitsJobs();
  // Create the folder before any submit, so that no job is created if that fails.
  const folder = flags.outputDir === undefined ? undefined : new OutputFolder(flags.outputDir);
  const open = new Map<string, FollowedJob>();
  const accepted = (job: FollowedJob): void => void open.set(job.id, job);
  try {
    const refused = await submitJobs(context, session, { ...submission, stays: true, accepted });
    const jobs = [...open.values()];
    const [first] = jobs;
    if (!session.isJson && first !== undefined)
      terminal.err(jobs.length === 1 ? `submitted ${first.id}\n` : `submitted ${jobs.length} jobs\n`);
    const ended = await followJobs({
      client: session.client,
      jobs,
      terminal,
      signal,
      nowMs,
      quiet: flags.watch !== true,
      endText: (job, { label }) => {
        const path = job.output === undefined ? undefined : folder?.save(label, job.output);
        return resultText(context, session, submission, { job, label, path });
      },
      onEnd: ({ id }) => void open.delete(id),
    });
    return refused ?? exitCodeOfStates(ended.map((job) => job.state));
  } catch (error) {
    sayGoesOn(context, session, [...open.keys()]);
    throw error;
  }
}

async function submit(context: CommandContext, session: Session, submission: Submission): Promise<number> {
  const { flags } = submission;
  if (flags.wait === true || flags.watch === true || flags.outputDir !== undefined)
    return submitAndStay(context, session, submission);
  return (
    (await submitJobs(context, session, { ...submission, stays: false, accepted: () => undefined })) ?? exitCodes.ok
  );
}

export function addSubmitCommand(program: Command, context: CommandContext): void {
  program
    .command('submit <handler> [json]')
    .description('submit a job with this input, or one job per file (--each)')
    .option('--each <glob>', "submit one job per matching file: --each 'photos/*.jpg'")
    .option('--input-file <file>', 'read the input from a file; -: from standard input')
    .option('--as <form>', 'send a file as json or as bytes (default: .json files as json, others as bytes)')
    .option(
      '--handler-version <version>',
      'run on exactly this version (1.4.0), or at least this one (>=1.4)',
      textFlag('handler-version'),
    )
    .option('--queue <name>', 'queue of the job (default: default)', textFlag('queue'))
    .option(
      '--key <key>',
      'idempotency key: a repeated submit returns the same job; with --each one key per file is derived',
      textFlag('key'),
    )
    .option('--unique-key <key>', 'at most one unfinished job may have this key', textFlag('unique-key'))
    .option('--unique-window <duration>', 'hold the unique key this long in any case', durationFlag('unique-window'))
    .addOption(
      new Option('--on-conflict <way>', 'what to do if another job has the unique key (default: reject)').choices(
        uniqueConflicts,
      ),
    )
    .option('--refuse-late', 'refuse the job if it would probably miss its timeout')
    .option('--priority <level>', '0 (lowest) to 4 (default: 2)', countFlag('priority', 0, 4))
    .option(
      '--concurrency-key <key>',
      'jobs of a queue with the same key run one at a time (see queues update)',
      textFlag('concurrency-key'),
    )
    .option('--fairness-key <key>', 'jobs of a queue with different keys take turns', textFlag('fairness-key'))
    .option('--label <name=value>', 'label for finding the job; repeatable', labelFlag)
    .option('--run-at <time>', 'start not before this time', timeFlag('run-at'))
    .option('--delay <duration>', 'start not before this long from now', durationFlag('delay'))
    .option('--queue-timeout <duration>', 'expire the job if not started after this', durationFlag('queue-timeout'))
    .option('--execution-timeout <duration>', 'time limit of one attempt', durationFlag('execution-timeout'))
    .option(
      '--heartbeat-timeout <duration>',
      'longest time without a sign of life; 0s: no limit',
      durationFlag('heartbeat-timeout'),
    )
    .option('--total-timeout <duration>', 'time limit over all attempts', durationFlag('total-timeout'))
    .option('--retention <duration>', 'how long the job is kept', durationFlag('retention'))
    .option(
      '--payload-retention <duration>',
      'how long its input and output are kept (default: as long as the job)',
      durationFlag('payload-retention'),
    )
    .option('--max-attempts <count>', 'attempts that may fail', countFlag('max-attempts', 1, 100))
    .option('--max-losses <count>', 'attempts that may be lost with node or cell', countFlag('max-losses', 0, 24))
    .option('--non-retryable-code <code>', 'error code that is never retried, or none; repeatable', codesFlag)
    .option('--wait', 'wait until the job has ended; the exit code says how')
    .option('--watch', 'like --wait, and show its progress')
    .option('--output-dir <dir>', 'write outputs into this folder (with --wait or --watch)')
    .action(async (handler: string, json: string | undefined, flags: SubmitFlags, command: Command) => {
      const inputs = await planInputs(json, flags, context.terminal);
      context.done(
        await withSession(context, command, (session) => submit(context, session, { handler, inputs, flags })),
      );
    });
}
