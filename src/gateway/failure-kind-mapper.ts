/** Maps kinds of failures to the contract. */
import type { FailureKind, FailureKindsPage } from '../application/jobs/failure-kinds.ts';
import { failureReasonCodes } from '../contract/codes.ts';
import type { Init, Whole } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import { toTime } from '../contract/time.ts';

export function toFailureKinds(page: FailureKindsPage): Whole<wire.ListFailureKindsResponse> {
  return {
    kinds: page.kinds.map(toKind),
    jobs: page.lookedAt,
    searchedTo: toTime(page.searchedToMs),
    endedFrom: toTime(page.endedFromMs),
    nextPageToken: page.nextPageToken,
  };
}

function toKind({ reason, firstAtMs, lastAtMs, sampleIds, ...kind }: FailureKind): Init<wire.FailureKind> {
  return {
    ...kind,
    reason: failureReasonCodes[reason],
    firstTime: toTime(firstAtMs),
    lastTime: toTime(lastAtMs),
    sampleJobIds: [...sampleIds],
  };
}
