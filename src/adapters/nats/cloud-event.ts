/**
 * A job event as a CloudEvent 1.0 in the binary mode of its NATS binding: attributes are headers, the body is the JSON
 * data. The values of ours are plain ASCII tokens; whatever is not is percent-encoded as the binding asks.
 * Reference for readers: docs/reference/events.md.
 */
import type { JobEvent } from '../../application/ports/bus.ts';

const needsEncoding = /[^\x21-\x7e]|["%]/u;
const encodedCharacters = /[^\x21-\x7e]|["%]/gu;
const encoder = new TextEncoder();

/** `ce-sequence` is compared as text (CloudEvents sequence extension), hence the zeros. */
const sequenceDigits = 10;

export function cloudEventId(event: { readonly jobId: string; readonly seq: number }): string {
  return `${event.jobId}.${event.seq}`;
}

/**
 * The header lines of the message, `Nats-Msg-Id` first. One text rather than a list of attributes: this runs several
 * times a job. Ids, types and times are plain by construction; only the rest may need encoding.
 */
export function cloudEventHeaders(event: JobEvent, root: string): string {
  const id = cloudEventId(event);
  const headers = `Nats-Msg-Id: ${id}\r
ce-specversion: 1.0\r
ce-id: ${id}\r
ce-source: ${percentEncode(`/${root}/${event.tenant}/${event.queue}`)}\r
ce-type: dev.troupe.job.${event.type}\r
ce-subject: ${event.jobId}\r
ce-time: ${new Date(event.atMs).toISOString()}\r
ce-sequence: ${String(event.seq).padStart(sequenceDigits, '0')}\r
ce-datacontenttype: application/json\r
`;
  if (event.traceparent === undefined) return headers;
  // Twice: for readers of CloudEvents (its tracing extension) and for tracing libraries of NATS.
  const traceparent = percentEncode(event.traceparent);
  return `${headers}ce-traceparent: ${traceparent}\r\ntraceparent: ${traceparent}\r\n`;
}

export function percentEncode(value: string): string {
  if (!needsEncoding.test(value)) return value;
  return value.replace(encodedCharacters, (character) => {
    let encoded = '';
    for (const byte of encoder.encode(character)) encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    return encoded;
  });
}
