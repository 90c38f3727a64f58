/** Formats jobs for people. */
import type { ClientJobState, FailureCauseInfo, JobInfo } from '../../client/index.ts';
import { oneLine } from '../../domain/printable.ts';
import { maxLossesDefault } from '../../domain/retry-policy.ts';
import { durationText, relativeText } from './duration-text.ts';
import { exitCodes } from '../errors/exit-code.ts';
import type { ProgressRow } from './progress-bars.ts';
import { tableText } from './text-table.ts';

const outputTextMax = 2_000;

export function exitCodeOfState(state: ClientJobState): number {
  if (state === 'CANCELLED') return exitCodes.jobCancelled;
  return state === 'FAILED' || state === 'EXPIRED' ? exitCodes.jobFailed : exitCodes.ok;
}

/** The exit code of several jobs: a failure comes before a cancel, and a cancel before success. */
export function exitCodeOfStates(states: readonly ClientJobState[]): number {
  const codes = new Set(states.map(exitCodeOfState));
  if (codes.has(exitCodes.jobFailed)) return exitCodes.jobFailed;
  return codes.has(exitCodes.jobCancelled) ? exitCodes.jobCancelled : exitCodes.ok;
}

function failureText(job: JobInfo): string {
  return job.failure === undefined ? '' : `: ${job.failure.reason} ${job.failure.message.split('\n')[0] ?? ''}`;
}

function runningText({ progress }: JobInfo): string {
  return progress === undefined ? 'RUNNING' : `RUNNING ${Math.round(progress.fraction * 100)}% ${progress.note}`.trim();
}

function succeededText({ firstStartedAt, endedAt }: JobInfo): string {
  if (firstStartedAt === undefined || endedAt === undefined) return 'SUCCEEDED';
  return `SUCCEEDED after ${durationText(endedAt.getTime() - firstStartedAt.getTime())}`;
}

/** For example `SUCCEEDED after 1.2s`, `RUNNING 40% tile 3 of 8`, `RETRYING in 4s: HANDLER_FAILED no such file`. */
export function stateText(job: JobInfo, nowMs: number): string {
  return oneLine(stateWords(job, nowMs));
}

function stateWords(job: JobInfo, nowMs: number): string {
  switch (job.state) {
    case 'SCHEDULED':
    case 'RETRYING':
      return `${job.state} ${relativeText(job.readyAt.getTime(), nowMs)}${failureText(job)}`;
    case 'QUEUED':
    case 'CANCELLING':
    case 'UNKNOWN':
      return job.state;
    case 'RUNNING':
      return runningText(job);
    case 'SUCCEEDED':
      return succeededText(job);
    case 'FAILED':
    case 'EXPIRED':
      return `${job.state}${failureText(job)}`;
    case 'CANCELLED':
      return job.cancelReason === undefined ? 'CANCELLED' : `CANCELLED: ${job.cancelReason}`;
  }
}

function outputText(output: unknown): string | undefined {
  if (output === undefined) return undefined;
  if (output instanceof Uint8Array) return `${output.byteLength} bytes (use --output FILE to get them)`;
  const text = JSON.stringify(output);
  return text.length <= outputTextMax ? text : `${text.slice(0, outputTextMax)}… (use --output FILE to get all of it)`;
}

function labelsText({ labels }: JobInfo): string | undefined {
  const texts = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return texts.length === 0 ? undefined : oneLine(texts.join(' '));
}

/** For example `#2 failed after 1.2s on node-a: HANDLER_FAILED ENOENT no such file`, `#3 started 4s ago on node-b`. */
function attemptText(attempt: JobInfo['attempts'][number], nowMs: number): string {
  const { number, node, startedAt, endedAt, outcome = 'unknown', reason, message, code } = attempt;
  const how =
    endedAt === undefined
      ? `started ${relativeText(startedAt.getTime(), nowMs)}`
      : `${outcome} after ${durationText(endedAt.getTime() - startedAt.getTime())}`;
  const why = [reason, code, message?.split('\n')[0]].filter((word) => word !== undefined).join(' ');
  return `#${number} ${how}${node === undefined ? '' : ` on ${node}`}${why === '' ? '' : `: ${why}`}`;
}

/** A fact with several lines. All lines but the first are indented below it. */
function linesText(lines: readonly string[]): string | undefined {
  return lines.length === 0 ? undefined : lines.map(oneLine).join('\n          ');
}

function causeText({ message, code }: FailureCauseInfo): string {
  return code === undefined || message.includes(code) ? message : `${message} (${code})`;
}

/** The limit of losses is shown only if it is lower than the limit of all jobs. */
function attemptsText({
  failures,
  losses,
  oomRetries,
  retry: { maxAttempts, maxLosses = maxLossesDefault },
}: JobInfo): string {
  const most = maxLosses < maxLossesDefault ? ` of at most ${maxLosses}` : '';
  const repeated = oomRetries > 0 ? `, ${oomRetries} repeated with more memory` : '';
  return `${failures} of ${maxAttempts} failed, ${losses}${most} lost${repeated}`;
}

function waitingText({ waiting }: JobInfo): string | undefined {
  if (waiting === undefined) return undefined;
  const { reason, detail, eta } = waiting;
  const when = eta && `; starts in about ${durationText(eta.p50Ms)}, 90% within ${durationText(eta.p90Ms)}`;
  return oneLine(`${reason}: ${detail}${when ?? ''}`);
}

/** Everything that is known about one job, one fact per line. */
export function jobText(job: JobInfo, nowMs: number): string {
  const ago = (at: Date | undefined): string | undefined =>
    at === undefined ? undefined : `${at.toISOString()}  (${relativeText(at.getTime(), nowMs)})`;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['job', job.id],
    ['state', stateText(job, nowMs)],
    ['waits', waitingText(job)],
    ['handler', job.handlerVersion === undefined ? job.handler : `${job.handler}@${job.handlerVersion}`],
    ['queue', job.queue],
    ['labels', labelsText(job)],
    ['unique', job.uniqueKey && oneLine(job.uniqueKey)],
    ['retry of', job.retryOf],
    ['attempt', `${job.attempt} (${attemptsText(job)})`],
    ['node', job.run?.node],
    ['saved', job.checkpoint && `${ago(job.checkpoint.at) ?? ''}  by attempt ${job.checkpoint.attempt}`],
    ['created', ago(job.createdAt)],
    ['due', job.final ? undefined : ago(job.readyAt)],
    ['started', ago(job.firstStartedAt)],
    ['ended', ago(job.endedAt)],
    ['erased', ago(job.payloadsErasedAt)],
    ['payloads', job.payloadsExpireAt && `kept until ${ago(job.payloadsExpireAt) ?? ''}`],
    ['output', outputLine(job)],
    ['asked by', linesText(job.history.flatMap((event) => askedText(event, nowMs) ?? []))],
    ['attempts', linesText(job.attempts.map((attempt) => attemptText(attempt, nowMs)))],
    ['because', linesText((job.failure?.causes ?? []).map(causeText))],
    ['stack', linesText(job.failure?.stack?.split('\n') ?? [])],
  ];
  return facts.flatMap(([name, text]) => (text === undefined ? [] : [`${name.padEnd(9)} ${text}\n`])).join('');
}

/** For example `cancelled by jwt:corp:4711 2m ago`. Undefined for what the cluster decided. */
function askedText({ type, at, seq, caller }: JobInfo['history'][number], nowMs: number): string | undefined {
  if (caller === undefined) return undefined;
  const what = seq === 1 ? 'retried' : type === 'queued' || type === 'scheduled' ? 'rescheduled' : 'cancelled';
  return `${what} by ${caller} ${relativeText(at.getTime(), nowMs)}`;
}

function outputLine(job: JobInfo): string | undefined {
  if (job.outputGone === 'keys-away') return 'encrypted, and its key is not available now';
  if (job.outputGone !== undefined) return `gone: ${job.outputGone}`;
  if (job.outputWithheldBytes !== undefined) return `withheld: ${job.outputWithheldBytes} bytes (needs payloads.read)`;
  return largeOutputText(job) ?? outputText(job.output);
}

/** How to get an output that is too large for an answer. Undefined for any other. */
export function largeOutputText({ id, outputLargeBytes }: JobInfo): string | undefined {
  return outputLargeBytes === undefined ? undefined : `${outputLargeBytes} bytes: troupe output ${id} --to FILE`;
}

export function jobTable(jobs: readonly JobInfo[], nowMs: number): string {
  const rows = jobs.map((job) => [
    job.id,
    job.handler,
    job.attempt.toString(),
    relativeText(job.createdAt.getTime(), nowMs),
    stateText(job, nowMs),
  ]);
  return tableText(['JOB', 'HANDLER', 'ATTEMPT', 'CREATED', 'STATE'], rows);
}

export function jobRow(label: string, job: JobInfo, nowMs: number): ProgressRow {
  if (job.state !== 'RUNNING') return { label, note: stateText(job, nowMs) };
  const { fraction, note } = job.progress ?? { fraction: 0, note: `on ${job.run?.node ?? 'a node'}` };
  return { label, fraction, note };
}
