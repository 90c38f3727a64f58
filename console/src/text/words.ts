/** The words of enums as people read them, and the tone of each. What is not known is shown as it came. */

export type Tone = 'good' | 'doubt' | 'bad' | 'run' | 'wait' | 'plain';

/** `JOB_STATE_RUNNING` with `JOB_STATE_` → `running`. */
export function wordOf(name: string | undefined, prefix: string): string {
  return (name ?? '').replace(prefix, '').toLowerCase().replaceAll('_', ' ');
}

/** The code as the documents have it: `FAILURE_REASON_NODE_LOST` → `NODE_LOST`. */
export function codeOf(name: string | undefined, prefix: string): string {
  return (name ?? '').replace(prefix, '');
}

const jobTones: ReadonlyMap<string, Tone> = new Map([
  ['JOB_STATE_SCHEDULED', 'wait'],
  ['JOB_STATE_QUEUED', 'wait'],
  ['JOB_STATE_RUNNING', 'run'],
  ['JOB_STATE_RETRYING', 'doubt'],
  ['JOB_STATE_CANCELLING', 'doubt'],
  ['JOB_STATE_SUCCEEDED', 'good'],
  ['JOB_STATE_FAILED', 'bad'],
  ['JOB_STATE_CANCELLED', 'plain'],
  ['JOB_STATE_EXPIRED', 'bad'],
]);

export function jobTone(state: string | undefined): Tone {
  return jobTones.get(state ?? '') ?? 'plain';
}

const finalStates = new Set(['JOB_STATE_SUCCEEDED', 'JOB_STATE_FAILED', 'JOB_STATE_CANCELLED', 'JOB_STATE_EXPIRED']);

/** A state that is not known is final if the job has an end. */
export function isFinalJob(job: { readonly state?: string; readonly endTime?: string }): boolean {
  return job.endTime !== undefined || finalStates.has(job.state ?? '');
}

const attemptTones: ReadonlyMap<string, Tone> = new Map([
  ['ATTEMPT_OUTCOME_SUCCEEDED', 'good'],
  ['ATTEMPT_OUTCOME_FAILED', 'bad'],
  ['ATTEMPT_OUTCOME_LOST', 'bad'],
  ['ATTEMPT_OUTCOME_SNOOZED', 'plain'],
  ['ATTEMPT_OUTCOME_CANCELLED', 'plain'],
  ['ATTEMPT_OUTCOME_GIVEN_BACK', 'plain'],
]);

/** Without an outcome it runs. */
export function attemptTone(outcome: string | undefined): Tone {
  return attemptTones.get(outcome ?? '') ?? 'run';
}

const gradeTones: ReadonlyMap<string, Tone> = new Map([
  ['VERDICT_GRADE_GOOD', 'good'],
  ['VERDICT_GRADE_DOUBTFUL', 'doubt'],
  ['VERDICT_GRADE_BAD', 'bad'],
]);

export function gradeTone(grade: string | undefined): Tone {
  return gradeTones.get(grade ?? '') ?? 'plain';
}

const stateTones: ReadonlyMap<string, Tone> = new Map([
  ['LIVE', 'good'],
  ['OWNED', 'good'],
  ['RUNNING', 'good'],
  ['DRAINING', 'doubt'],
  ['OPENING', 'doubt'],
  ['STARTING', 'doubt'],
  ['WAITING', 'doubt'],
  ['STOPPING', 'doubt'],
  ['QUARANTINED', 'bad'],
  ['SUSPENDED', 'bad'],
  ['SILENT', 'bad'],
  ['UNOWNED', 'bad'],
  ['UNKNOWN', 'bad'],
]);

/** Of a node, a shard or an actor. */
export function partTone(state: string | undefined, prefix: string): Tone {
  return stateTones.get(codeOf(state, prefix)) ?? 'plain';
}
