/** Makes the requests of submits, with keys that make them safe to repeat and inputs that the codec has encoded. */
import { randomUUID } from 'node:crypto';
import type { Init } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import { someAtOnce } from '../domain/some-at-once.ts';
import type { CallParts } from './call-parts.ts';
import type { CallSettings } from './connection.ts';
import { ensureWanted } from './abort.ts';
import { TroupeClientError } from './client-error.ts';
import { codecAtOnce, encodeInput } from './job-codec.ts';
import { keyGiven, toSubmitRequest } from './job-requests.ts';
import type { JobDraft, JobOptions } from './job-types.ts';
import { tooLate } from './patience.ts';

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
  /** Rejects with INVALID_JOB_SPEC, with CODEC_FAILED, and when nobody waits for the codec any more. */
  requestOf(draft: JobDraft, key: string | undefined, settings: CallSettings): Promise<Init<wire.SubmitJobRequest>>;
  /** Those that can be sent. `refuse` is told of the others. */
  requestsOf(
    drafts: readonly JobDraft[],
    settings: CallSettings,
    refuse: (index: number, error: unknown) => void,
  ): Promise<readonly OpenDraft[]>;
}

/** `idempotent`: whether a job that says nothing gets a key. */
export function createDraftRequests(
  { contract, codec, timeoutMs }: Pick<CallParts, 'contract' | 'codec' | 'timeoutMs'>,
  idempotent: boolean,
): DraftRequests {
  const keyOf: DraftRequests['keyOf'] = (job) =>
    keyGiven(job.idempotencyKey) ?? ((job.idempotent ?? idempotent) ? randomUUID() : undefined);

  const requestOf: DraftRequests['requestOf'] = async (draft, key, settings) => {
    if (codec === undefined) return toSubmitRequest(contract, draft, key);
    ensureWanted(settings.signal);
    const patience = { timeoutMs: settings.timeoutMs ?? timeoutMs, signal: settings.signal };
    const hasKey = draft.idempotencyKey !== undefined;
    const { input, fingerprint } = await encodeInput(codec, draft, { ...patience, hasKey });
    return toSubmitRequest(contract, { ...draft, input }, key, fingerprint);
  };

  return {
    keyOf,
    requestOf,
    async requestsOf(drafts, settings, refuse) {
      const requests = new Array<OpenDraft | undefined>(drafts.length);
      const patienceMs = settings.timeoutMs ?? timeoutMs;
      /** What the codec has answered, and whether an input waited its whole time while nothing was. */
      let [answers, isSilent] = [0, false];
      await someAtOnce(drafts.entries(), codecAtOnce, async ([index, draft]) => {
        const before = answers;
        try {
          // One that hangs costs its own place. One after which nothing came would cost each of the others as much.
          if (isSilent) throw tooLate(patienceMs, 'none');
          const key = keyOf(draft);
          requests[index] = { index, request: await requestOf(draft, key, settings), keyed: key !== undefined };
          answers += 1;
        } catch (error) {
          if (!isLate(error)) answers += 1;
          else if (answers === before) isSilent = true;
          refuse(index, error);
        }
      });
      return requests.filter((request) => request !== undefined);
    },
  };
}

function isLate(error: unknown): boolean {
  return error instanceof TroupeClientError && error.code === 'CALL_DEADLINE_EXCEEDED';
}
