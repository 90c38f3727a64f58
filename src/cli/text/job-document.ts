/**
 * The output of `--json`: one document per line, the job as the client returns it. Of bytes only the number is printed.
 */
import type { JobInfo } from '../../client/index.ts';
import { given } from '../../domain/given.ts';

function payloadDocument(payload: unknown): unknown {
  return payload instanceof Uint8Array ? { bytes: payload.byteLength } : payload;
}

export function jobDocument(job: JobInfo): Readonly<Record<string, unknown>> {
  return {
    ...job,
    ...given({
      input: job.input === undefined ? undefined : payloadDocument(job.input),
      output: job.output === undefined ? undefined : payloadDocument(job.output),
    }),
  };
}

/**
 * JSON.stringify does not escape these characters. Escaped, the document is the same, and terminals do not interpret
 * them.
 */
const unescaped = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

export function documentLine(document: unknown): string {
  const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `${JSON.stringify(document).replaceAll(unescaped, escape)}\n`;
}
