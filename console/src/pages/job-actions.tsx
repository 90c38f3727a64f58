/** What can be done to a job: try it again, cancel it, move it, submit one like it. */
import { useState } from 'preact/hooks';
import { Action } from '../parts/action.tsx';
import { go } from '../site/navigation.ts';
import { linkTo } from '../site/route.ts';
import { may } from '../site/session.ts';
import { cliLine, flag } from '../text/cli-lines.ts';
import { isFinalJob } from '../text/words.ts';
import type { Job } from '../wire/shapes.ts';
import { CloneAction } from './clone-action.tsx';

interface NewJob {
  readonly jobId?: string;
}

export interface JobActionProps {
  readonly job: Job;
  readonly onDone: () => void;
}

const lacks = 'you lack the permission jobs.manage';

export function JobActions({ job, onDone }: JobActionProps) {
  const mayBeMoved = ['JOB_STATE_SCHEDULED', 'JOB_STATE_RETRYING'].includes(job.state ?? '');
  return (
    <div class="actions">
      {mayBeMoved && <RescheduleAction job={job} onDone={onDone} />}
      {isFinalJob(job) ? <RetryAction job={job} onDone={onDone} /> : <CancelAction job={job} onDone={onDone} />}
      <CloneAction job={job} />
    </div>
  );
}

function RetryAction({ job: { id = '' } }: JobActionProps) {
  return (
    <Action<NewJob>
      label="Retry"
      title="Submit this job again"
      method="Jobs/RetryJob"
      isDisabled={!may('jobs.manage')}
      disabledWhy={lacks}
      request={() => ({ jobId: id })}
      cli={(auditReason) => cliLine(['retry', id], auditReason)}
      onDone={({ jobId = '' }) => go(linkTo('job', { id: jobId }))}
    >
      <p>A new job with the same input begins to wait in the same queue. This one stays as it ended.</p>
    </Action>
  );
}

function CancelAction({ job: { id = '', state }, onDone }: JobActionProps) {
  const [reason, setReason] = useState('');
  return (
    <Action
      label="Cancel job"
      title="Cancel this job"
      method="Jobs/CancelJob"
      tone="danger"
      isDisabled={!may('jobs.manage')}
      disabledWhy={lacks}
      request={() => ({ jobId: id, reason })}
      cli={(auditReason) => cliLine(['cancel', id, ...flag('reason', reason)], auditReason)}
      onDone={onDone}
    >
      <p>
        {state === 'JOB_STATE_RUNNING'
          ? 'It is asked to stop, then its thread is ended. Nothing it returns is kept.'
          : 'It will not start. There is no way back, but it can be submitted again.'}
      </p>
      <label class="field">
        <span>Reason, kept with the job</span>
        <input
          value={reason}
          maxLength={256}
          autocomplete="off"
          onInput={(event) => setReason(event.currentTarget.value)}
        />
      </label>
    </Action>
  );
}

function RescheduleAction({ job: { id = '' }, onDone }: JobActionProps) {
  const [at, setAt] = useState('');
  const atMs = at === '' ? undefined : new Date(at).getTime();
  const time = atMs === undefined || Number.isNaN(atMs) ? undefined : new Date(atMs).toISOString();
  return (
    <Action
      label="Reschedule"
      title="Let this job run at another time"
      method="Jobs/RescheduleJob"
      isDisabled={!may('jobs.manage')}
      disabledWhy={lacks}
      request={() => ({ jobId: id, ...(time === undefined ? { now: true } : { runTime: time }) })}
      cli={(auditReason) =>
        cliLine(['reschedule', id, ...(time === undefined ? ['--now'] : ['--at', time])], auditReason)
      }
      onDone={onDone}
    >
      <label class="field">
        <span>Not before, in the time zone of this browser. Empty: now</span>
        <input type="datetime-local" value={at} onInput={(event) => setAt(event.currentTarget.value)} />
      </label>
    </Action>
  );
}
