/** What `--json` prints, one document a line: the job as the client gives it; bytes are told by their number only. */
import type { JobInfo } from '../client/index.ts';

function payloadDocument(payload: unknown): unknown {
  return payload instanceof Uint8Array ? { bytes: payload.byteLength } : payload;
}

export function jobDocument(job: JobInfo): Readonly<Record<string, unknown>> {
  return {
    ...job,
    ...(job.input !== undefined && { input: payloadDocument(job.input) }),
    ...(job.output !== undefined && { output: payloadDocument(job.output) }),
  };
}

export function documentLine(document: unknown): string {
  return `${JSON.stringify(document)}\n`;
}
