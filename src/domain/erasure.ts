/**
 * Erasing what an ended job was given, saved and returned. Not a transition: state, number, history and outcome stay,
 * so a reader sees the same job before and after, only without its payloads.
 */
import { invariant } from './errors.ts';
import type { JobRecord } from './job.ts';
import { isTerminal } from './job.ts';

const erased = { kind: 'erased' } as const;

/**
 * Why there is no payload any more. `missing`: it should be in the store and is not, as after a DeleteJob that was cut off
 * between the payloads and the record.
 */
export const goneReasons = ['erased', 'missing'] as const;
export type GoneReason = (typeof goneReasons)[number];

export function eraseJob(record: JobRecord, nowMs: number): JobRecord {
  invariant(isTerminal(record.state), 'only the payloads of an ended job are erased');
  return {
    ...record,
    spec: { ...record.spec, input: erased },
    ...(record.output !== undefined && { output: erased }),
    ...(record.checkpoint !== undefined && { checkpoint: { ...record.checkpoint, payload: erased } }),
    payloadsErasedAtMs: Math.max(nowMs, record.updatedAtMs),
  };
}

/** Ids in the payload store of all that the record refers to. */
export function payloadIds({ spec, output, checkpoint }: JobRecord): readonly string[] {
  return [spec.input, output, checkpoint?.payload].flatMap((payload) => (payload?.kind === 'ref' ? [payload.id] : []));
}
