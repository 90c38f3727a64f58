/** Groups failed jobs by kind of failure, and adds up what the pages of the gateway have of a kind. */
import { failureReasonCodes } from '../contract/codes.ts';
import type * as wire from '../contract/messages.ts';
import { timestampMs, toTime } from '../contract/time.ts';
import { wordOf } from '../contract/word-of.ts';
import type { FailureReason } from '../domain/job.ts';
import { given } from '../domain/given.ts';
import type { CallParts } from './call-parts.ts';
import { notSayable } from './client-error.ts';
import type { CallSettings } from './connection.ts';
import { toFilter } from './job-requests.ts';
import type { JobFilterOptions } from './job-types.ts';
import { withRetries } from './retry.ts';

/** Which failed jobs to group. */
export interface FailureKindsOptions extends Omit<JobFilterOptions, 'states'>, CallSettings {
  /** The search ends with the page that has as many jobs: 1 to 1,000,000. Default: 10,000. */
  readonly limit?: number;
}

/** Failed jobs with something in common: handler, reason, code, and the text without what differs from job to job. */
export interface FailureKindInfo {
  /** For `failureKind` of filters. */
  readonly id: string;
  readonly handler: string;
  /** UNKNOWN for one that this client does not know. */
  readonly reason: FailureReason | 'UNKNOWN';
  /** Absent if the handler gave none. */
  readonly code?: string;
  /** Without numbers, ids and quoted parts. Absent without the permission payloads.read. */
  readonly message?: string;
  /** Function and file of the first own line of the stack. */
  readonly frame?: string;
  readonly jobs: number;
  /** When the first of them ended. */
  readonly firstAt: Date;
  /** When the last of them ended. */
  readonly lastAt: Date;
  /** Of the newest, at most five. */
  readonly sampleIds: readonly string[];
}

/** The kinds, and how far the search went. */
export interface FailureKindsInfo {
  /** The one with the most jobs first. */
  readonly kinds: readonly FailureKindInfo[];
  /** Failed jobs that were looked at. */
  readonly jobs: number;
  /** All failed jobs that were created since are in `kinds`. */
  readonly searchedTo: Date;
  /** False if the limit ended the search. */
  readonly isComplete: boolean;
}

const limitDefault = 10_000;
const limitMax = 1_000_000;
const samplesMax = 5;

export async function listFailureKinds(
  { connection, contract, backoff }: Pick<CallParts, 'connection' | 'contract' | 'backoff'>,
  options: FailureKindsOptions,
): Promise<FailureKindsInfo> {
  const { limit = limitDefault, timeoutMs, signal, traceparent } = options;
  if (!Number.isInteger(limit) || limit < 1 || limit > limitMax)
    throw notSayable('INVALID_ARGUMENT', [
      { field: 'limit', description: 'must be a whole number from 1 to 1,000,000' },
    ]);
  const settings = { timeoutMs, signal, traceparent };
  const kinds = new Map<string, FailureKindInfo>();
  let filter = toFilter(options);
  let pageToken = '';
  let jobs = 0;
  for (;;) {
    const request = { queue: options.queue, filter, pageToken };
    const page = await withRetries(backoff, 'always', signal, () =>
      connection.unary(contract.jobs.ListFailureKinds, request, settings),
    );
    for (const kind of page.kinds) add(kinds, fromKind(kind));
    jobs += page.jobs;
    pageToken = page.nextPageToken;
    const isComplete = pageToken === '';
    if (!isComplete && jobs < limit) {
      // Without it, the next page would look back less far than this one.
      filter = { ...filter, endedFrom: toTime(timestampMs(page.endedFrom) ?? 0) };
      continue;
    }
    const searchedTo = new Date(timestampMs(page.searchedTo) ?? 0);
    return { kinds: [...kinds.values()].sort((one, other) => other.jobs - one.jobs), jobs, searchedTo, isComplete };
  }
}

function add(kinds: Map<string, FailureKindInfo>, kind: FailureKindInfo): void {
  const known = kinds.get(kind.id);
  if (known === undefined) {
    kinds.set(kind.id, kind);
    return;
  }
  kinds.set(kind.id, {
    ...known,
    jobs: known.jobs + kind.jobs,
    firstAt: known.firstAt < kind.firstAt ? known.firstAt : kind.firstAt,
    lastAt: known.lastAt > kind.lastAt ? known.lastAt : kind.lastAt,
    sampleIds: [...known.sampleIds, ...kind.sampleIds].slice(0, samplesMax),
  });
}

function fromKind(kind: wire.FailureKind): FailureKindInfo {
  const { id, handler, jobs, sampleJobIds, code, message, frame } = kind;
  return {
    id,
    handler,
    reason: wordOf(failureReasonCodes, kind.reason) ?? 'UNKNOWN',
    ...given({ code: code || undefined, message: message || undefined, frame: frame || undefined }),
    jobs,
    firstAt: new Date(timestampMs(kind.firstTime) ?? 0),
    lastAt: new Date(timestampMs(kind.lastTime) ?? 0),
    sampleIds: sampleJobIds,
  };
}
