/**
 * One job: where it stands and why, its attempts, its log, what it was given and returned, why it failed, who did what. The
 * job is asked for without its payloads, which are read when somebody wants to see them.
 */
import { Tag } from '../parts/icons.tsx';
import { Age, NothingYet } from '../parts/panel.tsx';
import { Text } from '../parts/text.tsx';
import { may } from '../site/session.ts';
import { type Followed, useTopic } from '../live/use-topic.ts';
import { isFinalJob, jobTone, wordOf } from '../text/words.ts';
import type { Job } from '../wire/shapes.ts';
import { JobActions } from './job-actions.tsx';
import { FailurePart, HistoryPart } from './job-failure.tsx';
import { JobLogPart } from './job-log.tsx';
import { PayloadsPart } from './job-payloads.tsx';
import { StatePart } from './job-state.tsx';
import { SpecPart } from './job-spec.tsx';
import { TimelinePart } from './job-timeline.tsx';

interface JobsAnswer {
  readonly jobs?: readonly Job[];
  readonly missing?: readonly string[];
}

/** All but the payloads, which may have megabytes. */
const fields = [
  'id',
  'state',
  'seq',
  'attempt',
  'failures',
  'losses',
  'oomRetries',
  'createTime',
  'updateTime',
  'readyTime',
  'firstStartTime',
  'endTime',
  'expireTime',
  'run',
  'progress',
  'failure',
  'cancelReason',
  'history',
  'retryOf',
  'attempts',
  'payloadsEraseTime',
  'checkpoint',
  'withheld',
  ...[
    'handler',
    'queue',
    'runTime',
    'queueTimeout',
    'executionTimeout',
    'totalTimeout',
    'retry',
    'retention',
    'handlerVersion',
    'labels',
    'unique',
    'heartbeatTimeout',
    'priority',
    'payloadRetention',
    'concurrencyKey',
    'fairnessKey',
  ].map((field) => `spec.${field}`),
].join();

const runningMs = 1_000;
const waitingMs = 2_000;

export function JobPage({ id }: { readonly id: string }) {
  const request = { jobIds: [id], readMask: fields };
  const before = useTopic<JobsAnswer>({ method: 'Jobs/GetJobs', request, periodMs: 0 });
  const seen = before.topic.value?.jobs?.[0];
  const isEnded = seen !== undefined && isFinalJob(seen);
  const periodMs = seen?.state === 'JOB_STATE_RUNNING' ? runningMs : waitingMs;
  const followed = useTopic<JobsAnswer>({ method: 'Jobs/GetJobs', request, periodMs, isWanted: !isEnded });
  const job = followed.topic.value?.jobs?.[0] ?? seen;
  if (job === undefined) return <NoJob id={id} followed={before} />;
  return <JobSeen job={job} followed={followed} />;
}

function NoJob({ id, followed: { topic } }: { readonly id: string; readonly followed: Followed<JobsAnswer> }) {
  const isMissing = (topic.value?.missing ?? []).length > 0;
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Job</h1>
        <code>
          <Text value={id} />
        </code>
      </div>
      {isMissing ? (
        <p class="note">There is no such job, its retention is over, or you may not see it.</p>
      ) : (
        <NothingYet failure={topic.failure} />
      )}
    </>
  );
}

function JobSeen({ job, followed }: { readonly job: Job; readonly followed: Followed<JobsAnswer> }) {
  const { id = '', spec = {}, state } = job;
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>
          <Text value={spec.handler ?? ''} />
        </h1>
        <Tag tone={jobTone(state)}>{wordOf(state, 'JOB_STATE_')}</Tag>
        <code>{id}</code>
        <Age followed={followed} />
        <JobActions job={job} onDone={followed.refresh} />
      </div>
      <StatePart job={job} />
      {job.withheld === true && (
        <p class="note">
          Payloads and what the handler has written are hidden: you lack the permission <code>payloads.read</code>.
        </p>
      )}
      <FailurePart job={job} />
      <TimelinePart job={job} />
      {may('logs.read') ? (
        <JobLogPart job={job} />
      ) : (
        <section class="panel" aria-label="Log">
          <p class="body note">
            The log is hidden: you lack the permission <code>logs.read</code>.
          </p>
        </section>
      )}
      <PayloadsPart job={job} />
      <div class="columns">
        <SpecPart job={job} />
        <HistoryPart job={job} />
      </div>
    </>
  );
}
