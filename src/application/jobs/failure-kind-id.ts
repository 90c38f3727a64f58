/** Ids of kinds of failures, by the hash that every process uses. */
import { hash } from 'node:crypto';
import { type FailureKindFacts, failureKindId, failureKindOf, isMadeWithTexts } from '../../domain/failure-kind.ts';
import type { JobRecord } from '../../domain/job.ts';

export function failureKindIdOf(facts: FailureKindFacts, withTexts: boolean): string {
  return failureKindId(facts, withTexts, (text) => hash('sha256', text, 'hex'));
}

/** Whether a job failed by the kind of this id. */
export function hasFailureKind(record: Pick<JobRecord, 'spec' | 'failure'>, id: string): boolean {
  const withTexts = isMadeWithTexts(id);
  const facts = failureKindOf(record, withTexts);
  return facts !== undefined && failureKindIdOf(facts, withTexts) === id;
}
