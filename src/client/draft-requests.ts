/** Makes the requests of submits, with keys that make them safe to repeat and inputs that the codec has encoded. */
import { randomUUID } from 'node:crypto';
import type { Init } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import type { CallParts } from './call-parts.ts';
import { encodeInput } from './job-codec.ts';
import { keyGiven, toSubmitRequest } from './job-requests.ts';
import type { JobDraft, JobOptions } from './job-types.ts';

/** One draft of many that has no outcome yet. */
export interface OpenDraft {
  readonly index: number;
  readonly request: Init<wire.SubmitJobRequest>;
  /** Whether it is safe to repeat. */
  readonly keyed: boolean;
}

export interface DraftRequests {
  /** Undefined: the submit is not safe to repeat. */
  keyOf(job: JobOptions): string | undefined;
  /** Rejects with INVALID_JOB_SPEC, and with CODEC_FAILED. */
  requestOf(draft: JobDraft, key: string | undefined): Promise<Init<wire.SubmitJobRequest>>;
  /** Those that can be sent. `refuse` is told of the others. */
  requestsOf(
    drafts: readonly JobDraft[],
    refuse: (index: number, error: unknown) => void,
  ): Promise<readonly OpenDraft[]>;
}

/** `idempotent`: whether a job that says nothing gets a key. */
export function createDraftRequests(
  { contract, codec }: Pick<CallParts, 'contract' | 'codec'>,
  idempotent: boolean,
): DraftRequests {
  const keyOf: DraftRequests['keyOf'] = (job) =>
    keyGiven(job.idempotencyKey) ?? ((job.idempotent ?? idempotent) ? randomUUID() : undefined);

  const requestOf: DraftRequests['requestOf'] = async (draft, key) => {
    if (codec === undefined) return toSubmitRequest(contract, draft, key);
    const { input, fingerprint } = await encodeInput(codec, draft, draft.idempotencyKey !== undefined);
    return toSubmitRequest(contract, { ...draft, input }, key, fingerprint);
  };

  return {
    keyOf,
    requestOf,
    async requestsOf(drafts, refuse) {
      const requests: OpenDraft[] = [];
      for (const [index, draft] of drafts.entries()) {
        try {
          const key = keyOf(draft);
          requests.push({ index, request: await requestOf(draft, key), keyed: key !== undefined });
        } catch (error) {
          refuse(index, error);
        }
      }
      return requests;
    },
  };
}
