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

/** JSON.stringify writes these as they are; as escapes they are the same document, and no terminal obeys them. */
const unescaped = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

export function documentLine(document: unknown): string {
  const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `${JSON.stringify(document).replaceAll(unescaped, escape)}\n`;
}
