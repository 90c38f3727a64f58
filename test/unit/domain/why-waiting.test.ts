import { describe, expect, it } from 'vitest';
import { jobStates } from '../../../src/domain/job.ts';
import { type WaitingFacts, waitingReasons, whyWaiting } from '../../../src/domain/why-waiting.ts';

const everything: WaitingFacts = {
  state: 'QUEUED',
  paused: 'by eva',
  quarantined: 'crashes',
  missingNodes: 'acme',
  missingHandler: 'a@2',
  keyLimit: '1 of 1 runs',
  queueLimit: '2 of 2 run',
  rateLimit: '5 per second',
  tenantQuota: '3 at a time',
  ahead: 7,
};

describe('why a job waits', () => {
  it('is the first thing that somebody must do something about', () => {
    const left: { -readonly [K in keyof WaitingFacts]: WaitingFacts[K] } = { ...everything };
    const found: unknown[] = [];
    const order = [
      'paused',
      'quarantined',
      'missingNodes',
      'missingHandler',
      'keyLimit',
      'queueLimit',
      'rateLimit',
      'tenantQuota',
      'ahead',
    ] as const;
    for (const fact of order) {
      found.push(whyWaiting(left));
      left[fact] = undefined;
    }
    found.push(whyWaiting(left));
    expect(found).toEqual([
      { reason: 'QUEUE_PAUSED', detail: 'its queue is paused: by eva' },
      { reason: 'QUEUE_QUARANTINED', detail: 'its queue is in quarantine: crashes' },
      { reason: 'NO_NODE_TAKES_TENANT', detail: 'no live node takes jobs of tenant acme' },
      { reason: 'NO_NODE_HAS_HANDLER', detail: 'no live node has a@2' },
      { reason: 'KEY_LIMIT', detail: 'its concurrency key is at its limit: 1 of 1 runs' },
      { reason: 'QUEUE_LIMIT', detail: 'its queue is at its limit: 2 of 2 run' },
      { reason: 'RATE_LIMITED', detail: 'its queue is at its rate limit: 5 per second' },
      { reason: 'TENANT_QUOTA', detail: 'its tenant is at its quota of running jobs: 3 at a time' },
      { reason: 'BEHIND_OTHERS', detail: 'about 7 jobs start before it' },
      { reason: 'BEHIND_OTHERS', detail: 'it waits for a free slot' },
    ]);
  });

  it('is its time, whatever the queue is like, before that has come', () => {
    expect(whyWaiting({ ...everything, state: 'SCHEDULED' })?.reason).toBe('DUE_LATER');
    expect(whyWaiting({ ...everything, state: 'RETRYING' })?.reason).toBe('BACKING_OFF');
  });

  it('is its keys for a job that a node has and cannot begin', () => {
    expect(whyWaiting({ state: 'RUNNING', keysAway: true })?.reason).toBe('KEY_UNAVAILABLE');
    expect(whyWaiting({ state: 'SUCCEEDED', keysAway: true })).toBeUndefined();
  });

  it('is nothing for a job that runs or has ended', () => {
    const explained = jobStates.filter((state) => whyWaiting({ state }) !== undefined);
    expect(explained).toEqual(['SCHEDULED', 'QUEUED', 'RETRYING']);
    expect(new Set(waitingReasons).size).toBe(12);
  });
});
