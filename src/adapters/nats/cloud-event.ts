/**
 * Encodes a job event as a CloudEvent 1.0 in the binary mode of the NATS binding: attributes are headers, and the body
 * is the JSON data. The values we set are plain ASCII tokens. Any other character is percent-encoded, as the binding
 * requires. The reference for consumers is docs/reference/events.md.
 */
import type { JobEvent } from '../../application/ports/bus.ts';

const needsEncoding = /[^\x21-\x7e]|["%]/u;
const encodedCharacters = /[^\x21-\x7e]|["%]/gu;
const encoder = new TextEncoder();

/**
 * Consumers compare `ce-sequence` as text (CloudEvents sequence extension), so it is padded with zeros to this length.
 */
const sequenceDigits = 10;

export function cloudEventId(event: { readonly jobId: string; readonly seq: number }): string {
  return `${event.jobId}.${event.seq}`;
}

/**
 * The header lines of the message, `Nats-Msg-Id` first. They are built as one string and not as a list of attributes,
 * because this runs several times per job. Ids, types and times need no encoding by construction; the other values may.
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
  // Written twice: for consumers of CloudEvents (its tracing extension) and for tracing libraries of NATS.
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
