/** Where a job stands: one line that a person can read, why it waits and until when, how far it is. */
import { Meter } from '../parts/spark.tsx';
import { Text } from '../parts/text.tsx';
import { nowMs } from '../site/session.ts';
import { ageText, durationMs, durationText, instantText, timeMs } from '../text/durations.ts';
import { percentText } from '../text/numbers.ts';
import { isFinalJob, wordOf } from '../text/words.ts';
import { useTopic } from '../live/use-topic.ts';
import type { Job, Waiting } from '../wire/shapes.ts';

interface JobAnswer {
  readonly job?: Job;
}

/** An explanation asks all shards, and brings the input along. In between, its estimate counts down. */
const explainMs = 10_000;

export function StatePart({ job }: { readonly job: Job }) {
  const waits = ['JOB_STATE_SCHEDULED', 'JOB_STATE_QUEUED', 'JOB_STATE_RETRYING'].includes(job.state ?? '');
  return (
    <section class="panel" aria-label="State">
      <div class="body state-part">
        <p class="lead">{sentenceOf(job, nowMs.value)}</p>
        {job.run?.node !== undefined && job.state === 'JOB_STATE_RUNNING' && (
          <p class="soft">
            attempt {job.attempt} on <Text value={job.run.node} />
          </p>
        )}
        {waits && <WaitingPart job={job} />}
        {job.progress !== undefined && !isFinalJob(job) && <Progress progress={job.progress} />}
        {job.cancelReason !== undefined && job.cancelReason !== '' && (
          <p>
            Cancelled because: <Text value={job.cancelReason} />
          </p>
        )}
      </div>
    </section>
  );
}

function sentenceOf(job: Job, now: number): string {
  const createdMs = timeMs(job.createTime) ?? now;
  const readyMs = timeMs(job.readyTime) ?? createdMs;
  const runMs = timeMs(job.run?.startTime) ?? now;
  const endedMs = timeMs(job.endTime);
  const word = wordOf(job.state, 'JOB_STATE_');
  if (endedMs !== undefined) {
    const startedMs = timeMs(job.firstStartTime);
    const took =
      startedMs === undefined ? 'without a start' : `${durationText(endedMs - startedMs)} after its first start`;
    const times = (job.attempt ?? 0) === 1 ? 'one attempt' : `${job.attempt ?? 0} attempts`;
    return `${word.charAt(0).toUpperCase()}${word.slice(1)} at ${instantText(endedMs, now)}, ${took}, with ${times}.`;
  }
  switch (job.state) {
    case 'JOB_STATE_SCHEDULED':
      return `Due in ${ageText(readyMs - now)}, at ${instantText(readyMs, now)}.`;
    case 'JOB_STATE_RETRYING':
      return `Tries again in ${ageText(readyMs - now)}, after ${job.failures ?? 0} failures and ${job.losses ?? 0} losses.`;
    case 'JOB_STATE_QUEUED':
      return `Has waited ${ageText(now - readyMs)}.`;
    case 'JOB_STATE_RUNNING':
      return `Has run for ${ageText(now - runMs)}.`;
    case 'JOB_STATE_CANCELLING':
      return 'Is being cancelled: its code may still run.';
    case undefined:
    default:
      return `Is ${word}.`;
  }
}

function WaitingPart({ job: { id = '' } }: { readonly job: Job }) {
  const { topic } = useTopic<JobAnswer>({
    method: 'Jobs/GetJob',
    request: { jobId: id, explain: true },
    periodMs: explainMs,
  });
  const waiting = topic.value?.job?.waiting;
  if (waiting === undefined) return null;
  return <Explained waiting={waiting} askedMs={topic.atMs ?? Date.now()} />;
}

/** The estimate counts down from when it was made, and stops at zero: then it was wrong. */
function Explained({ waiting, askedMs }: { readonly waiting: Waiting; readonly askedMs: number }) {
  const sinceMs = nowMs.value - askedMs;
  const p50Ms = durationMs(waiting.etaP50);
  const p90Ms = durationMs(waiting.etaP90);
  return (
    <p>
      <strong>{wordOf(waiting.reason, 'WAITING_REASON_')}</strong>: <Text value={waiting.detail ?? ''} />.
      {p50Ms !== undefined && ` It should start ${etaText(p50Ms - sinceMs)}`}
      {p50Ms !== undefined && p90Ms !== undefined && `, nine times of ten ${etaText(p90Ms - sinceMs)}`}
      {p50Ms !== undefined && '.'}
    </p>
  );
}

function etaText(leftMs: number): string {
  return leftMs < 1_000 ? 'any moment now' : `in ${ageText(leftMs)}`;
}

function Progress({ progress: { fraction = 0, note = '' } }: { readonly progress: NonNullable<Job['progress']> }) {
  return (
    <div class="progress">
      <Meter share={fraction} label={`progress ${percentText(fraction)}`} />
      <span>{percentText(fraction)}</span>
      {note !== '' && <Text value={note} />}
    </div>
  );
}
