/** Submits a job like this one, with an input that can be edited. */
import { useState } from 'preact/hooks';
import { Action } from '../parts/action.tsx';
import { go } from '../site/navigation.ts';
import { linkTo } from '../site/route.ts';
import { call, may } from '../site/session.ts';
import { cloneCli, cloneRequest, jsonProblem } from '../text/clone.ts';
import type { Job } from '../wire/shapes.ts';

interface JobAnswer {
  readonly job?: Job;
}

/** What a person can edit. Larger inputs are for the command line. */
const editedMax = 262_144;

export function CloneAction({ job: { id = '' } }: { readonly job: Job }) {
  const [whole, setWhole] = useState<Job | undefined>(undefined);
  const [text, setText] = useState('');
  const [why, setWhy] = useState('');
  const mayClone = may('jobs.submit') && may('payloads.read');
  const read = async (): Promise<void> => {
    const result = await call<JobAnswer>('Jobs/GetJob', { jobId: id });
    const json = result.isOk ? result.answer.job?.spec?.input?.json : undefined;
    setWhy(
      !result.isOk
        ? result.failure.message
        : json === undefined
          ? 'its input is not JSON, or is gone'
          : json.length > editedMax
            ? 'its input is too large to be edited here'
            : '',
    );
    if (!result.isOk || json === undefined || json.length > editedMax) return;
    setText(JSON.stringify(JSON.parse(json), undefined, 2));
    setWhole(result.answer.job);
  };
  if (whole === undefined) {
    return (
      <button
        type="button"
        disabled={!mayClone || why !== ''}
        title={mayClone ? why : 'you lack the permission jobs.submit or payloads.read'}
        onClick={() => void read()}
      >
        Edit and submit
      </button>
    );
  }
  const problem = jsonProblem(text);
  return (
    <Action<{ readonly jobId?: string }>
      label="Submit"
      title="Submit a job like this one"
      method="Jobs/SubmitJob"
      isDisabled={false}
      request={() => cloneRequest(whole, text)}
      cli={(auditReason) => cloneCli(whole, text, auditReason)}
      onDone={({ jobId = '' }) => go(linkTo('job', { id: jobId }))}
    >
      <label class="field">
        <span>Input</span>
        <textarea rows={12} value={text} spellcheck={false} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      {problem !== '' && <p class="trouble">{problem}</p>}
      <p class="soft">
        Queue, labels, limits and retries are those of this job. Unique key and start time are left out.
      </p>
    </Action>
  );
}
