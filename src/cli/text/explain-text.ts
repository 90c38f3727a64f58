/**
 * Explains one job on one screen: why it is not running, what is ahead of it, who can change that, and what to do next.
 * Every state and every reason has its words here, so that none is left without a next step.
 */
import type { ClientJobState, JobInfo, JobWaitingInfo } from '../../client/index.ts';
import { oneLine } from '../../domain/printable.ts';
import { durationText, relativeText } from './duration-text.ts';
import { stateText } from './job-text.ts';

interface Advice {
  /** Who can change it, with the permission that it takes. */
  readonly who: string;
  /** Commands to go on with, at most three. `JOB` and `QUEUE` stand for those of the job. */
  readonly next: readonly string[];
}

const operator = 'an operator (cluster.operate)';
const manager = 'whoever manages the queue (queues.manage)';
const deployer = 'whoever runs the workers';
const nobody = 'nobody needs to';
const caller = 'whoever may manage the job (jobs.manage)';

const ofReason: Readonly<Record<JobWaitingInfo['reason'], Advice>> = {
  DUE_LATER: { who: caller, next: ['troupe reschedule JOB --now', 'troupe watch JOB', 'troupe cancel JOB'] },
  BACKING_OFF: { who: caller, next: ['troupe get JOB', 'troupe logs JOB', 'troupe reschedule JOB --now'] },
  QUEUE_PAUSED: {
    who: manager,
    next: ['troupe queues get QUEUE', 'troupe queues resume QUEUE', 'troupe cancel JOB'],
  },
  QUEUE_QUARANTINED: { who: operator, next: ['troupe queues get QUEUE', 'troupe resume QUEUE', 'troupe health'] },
  RATE_LIMITED: { who: manager, next: ['troupe queues get QUEUE', 'troupe queues stats QUEUE', 'troupe watch JOB'] },
  QUEUE_LIMIT: { who: manager, next: ['troupe queues get QUEUE', 'troupe queues stats QUEUE', 'troupe watch JOB'] },
  KEY_LIMIT: { who: manager, next: ['troupe get JOB', 'troupe queues get QUEUE', 'troupe watch JOB'] },
  TENANT_QUOTA: {
    who: 'an administrator of tenants (cluster.admin)',
    next: ['troupe whoami', 'troupe top', 'troupe watch JOB'],
  },
  NO_NODE_TAKES_TENANT: { who: deployer, next: ['troupe nodes', 'troupe health', 'troupe watch JOB'] },
  NO_NODE_HAS_HANDLER: { who: deployer, next: ['troupe nodes', 'troupe health', 'troupe cancel JOB'] },
  KEY_UNAVAILABLE: {
    who: 'whoever runs the key service',
    next: ['troupe ps', 'troupe health', 'troupe watch JOB'],
  },
  BEHIND_OTHERS: { who: deployer, next: ['troupe queues stats QUEUE', 'troupe top', 'troupe watch JOB'] },
  UNKNOWN: { who: operator, next: ['troupe health', 'troupe queues get QUEUE', 'troupe watch JOB'] },
};

/** For a job that does not wait. */
const ofState: Readonly<Record<ClientJobState, Advice>> = {
  SCHEDULED: ofReason.DUE_LATER,
  RETRYING: ofReason.BACKING_OFF,
  QUEUED: ofReason.BEHIND_OTHERS,
  RUNNING: { who: caller, next: ['troupe watch JOB --logs', 'troupe profile JOB', 'troupe cancel JOB'] },
  CANCELLING: { who: nobody, next: ['troupe watch JOB', 'troupe logs JOB', 'troupe ps'] },
  SUCCEEDED: { who: nobody, next: ['troupe output JOB', 'troupe logs JOB', 'troupe retry JOB'] },
  FAILED: { who: caller, next: ['troupe get JOB', 'troupe logs JOB', 'troupe retry JOB'] },
  CANCELLED: { who: caller, next: ['troupe get JOB', 'troupe retry JOB'] },
  EXPIRED: { who: caller, next: ['troupe get JOB', 'troupe queues stats QUEUE', 'troupe retry JOB'] },
  UNKNOWN: { who: operator, next: ['troupe get JOB', 'troupe health'] },
};

export function adviceOn({ id, queue, state, waiting }: JobInfo): Advice {
  const { who, next } = waiting === undefined ? ofState[state] : ofReason[waiting.reason];
  return { who, next: next.map((command) => command.replace('JOB', id).replace('QUEUE', queue)) };
}

export function explainText(job: JobInfo, nowMs: number): string {
  const { id, handler, handlerVersion, queue, waiting } = job;
  const { who, next } = adviceOn(job);
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['job', id],
    ['of', `${handlerVersion === undefined ? handler : `${handler}@${handlerVersion}`} in the queue ${queue}`],
    ['state', `${stateText(job, nowMs)}${sinceText(job, nowMs)}`],
    ['why', waiting === undefined ? undefined : `${waiting.reason}: ${waiting.detail}`],
    ['ahead', waiting?.ahead === undefined ? undefined : `about ${waiting.ahead} jobs start before it`],
    ['starts', startText(waiting)],
    ['who', `can change it: ${who}`],
    ...next.map((command, at) => [at === 0 ? 'next' : '', command] as const),
  ];
  return facts
    .flatMap(([name, text]) => (text === undefined ? [] : [`${oneLine(`${name.padEnd(7)} ${text}`)}\n`]))
    .join('');
}

function sinceText({ state, readyAt, final, endedAt, firstStartedAt }: JobInfo, nowMs: number): string {
  if (state === 'QUEUED') return ` for ${durationText(Math.max(0, nowMs - readyAt.getTime()))}`;
  if (final && endedAt !== undefined) return `, ended ${relativeText(endedAt.getTime(), nowMs)}`;
  const isRunning = state === 'RUNNING' || state === 'CANCELLING';
  return isRunning && firstStartedAt ? `, first started ${relativeText(firstStartedAt.getTime(), nowMs)}` : '';
}

function startText(waiting: JobWaitingInfo | undefined): string | undefined {
  if (waiting === undefined) return undefined;
  const { eta } = waiting;
  if (eta === undefined) return 'not known: it depends on the above';
  return `in about ${durationText(eta.p50Ms)}, nine times of ten within ${durationText(eta.p90Ms)}`;
}
