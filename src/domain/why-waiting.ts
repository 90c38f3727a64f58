/** Explains why a job does not run. Of several reasons, the one that somebody must act on comes first. */
import type { JobState } from './job.ts';

/** The reasons why a job does not run. */
export const waitingReasons = [
  'DUE_LATER',
  'BACKING_OFF',
  'QUEUE_PAUSED',
  'QUEUE_QUARANTINED',
  'RATE_LIMITED',
  'QUEUE_LIMIT',
  'KEY_LIMIT',
  'TENANT_QUOTA',
  'NO_NODE_TAKES_TENANT',
  'NO_NODE_HAS_HANDLER',
  'KEY_UNAVAILABLE',
  'BEHIND_OTHERS',
] as const;
export type WaitingReason = (typeof waitingReasons)[number];

/** An absent fact does not hold the job back, or is not known. Texts are for people. */
export interface WaitingFacts {
  readonly state: JobState;
  /** The reason that was given when the queue was paused. */
  readonly paused?: string | undefined;
  /** Why the queue is in quarantine on all nodes. */
  readonly quarantined?: string | undefined;
  /** The tenant, if no live node takes its jobs. */
  readonly missingNodes?: string | undefined;
  /** The handler that the job needs, if no live node has it. */
  readonly missingHandler?: string | undefined;
  /** Its node cannot get the keys of its payloads, and has not begun. */
  readonly keysAway?: boolean | undefined;
  /** The limit that holds the job back, such as `2 of 2 run`. */
  readonly keyLimit?: string | undefined;
  readonly queueLimit?: string | undefined;
  readonly rateLimit?: string | undefined;
  readonly tenantQuota?: string | undefined;
  /** Number of jobs that start before it. */
  readonly ahead?: number | undefined;
}

/** The reason, and a sentence that explains it to people. */
export interface WhyWaiting {
  readonly reason: WaitingReason;
  readonly detail: string;
}

/** Undefined for a job that runs or has ended. One that a node has, and that waits for keys there, does not run yet. */
export function whyWaiting(facts: WaitingFacts): WhyWaiting | undefined {
  switch (facts.state) {
    case 'SCHEDULED':
      return { reason: 'DUE_LATER', detail: 'its start time has not come yet' };
    case 'RETRYING':
      return {
        reason: 'BACKING_OFF',
        detail: 'its last attempt failed, and the delay before the next one is not over',
      };
    case 'QUEUED':
      return whyQueued(facts);
    case 'RUNNING':
      return facts.keysAway === true ? noKeys : undefined;
    case 'CANCELLING':
    case 'SUCCEEDED':
    case 'FAILED':
    case 'CANCELLED':
    case 'EXPIRED':
      return undefined;
  }
}

const noKeys: WhyWaiting = {
  reason: 'KEY_UNAVAILABLE',
  detail: 'the keys of its payloads are not available to its node; it begins when they are, and this costs no attempt',
};

function whyQueued(facts: WaitingFacts): WhyWaiting {
  const { paused, quarantined, missingNodes, missingHandler } = facts;
  const { keyLimit, queueLimit, rateLimit, tenantQuota, ahead } = facts;
  if (paused !== undefined) return { reason: 'QUEUE_PAUSED', detail: withWords('its queue is paused', paused) };
  if (quarantined !== undefined) {
    return { reason: 'QUEUE_QUARANTINED', detail: withWords('its queue is in quarantine', quarantined) };
  }
  if (missingNodes !== undefined) {
    return { reason: 'NO_NODE_TAKES_TENANT', detail: `no live node takes jobs of tenant ${missingNodes}` };
  }
  if (missingHandler !== undefined) {
    return { reason: 'NO_NODE_HAS_HANDLER', detail: `no live node has ${missingHandler}` };
  }
  if (keyLimit !== undefined)
    return { reason: 'KEY_LIMIT', detail: withWords('its concurrency key is at its limit', keyLimit) };
  if (queueLimit !== undefined) {
    return { reason: 'QUEUE_LIMIT', detail: withWords('its queue is at its limit', queueLimit) };
  }
  if (rateLimit !== undefined)
    return { reason: 'RATE_LIMITED', detail: withWords('its queue is at its rate limit', rateLimit) };
  if (tenantQuota !== undefined) {
    return { reason: 'TENANT_QUOTA', detail: withWords('its tenant is at its quota of running jobs', tenantQuota) };
  }
  if (ahead === undefined) return { reason: 'BEHIND_OTHERS', detail: 'it waits for a free slot' };
  return { reason: 'BEHIND_OTHERS', detail: ahead === 0 ? 'it is next' : `about ${ahead} jobs start before it` };
}

function withWords(what: string, words: string): string {
  return words === '' ? what : `${what}: ${words}`;
}
