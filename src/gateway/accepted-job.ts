/** Answers with a job that was accepted, and tells the audit log which one it is. */
import type { CallContext } from '../application/ports/call-context.ts';
import type { AcceptedJob } from '../application/jobs/job-request.ts';
import type { Init } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import { toAccepted } from './job-mapper.ts';

export function answerAccepted(
  { report }: Pick<CallContext, 'report'>,
  accepted: AcceptedJob,
): Init<wire.SubmitJobResponse> {
  report?.({ jobId: accepted.jobId });
  return toAccepted(accepted);
}
