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

/** In the order in which they go on the wire. */
export function cloudEventAttributes(event: JobEvent, root: string): readonly (readonly [string, string])[] {
  const attributes: (readonly [string, string])[] = [
    ['ce-specversion', '1.0'],
    ['ce-id', cloudEventId(event)],
    ['ce-source', `/${root}/${event.tenant}/${event.queue}`],
    ['ce-type', `troupe.job.${event.type}`],
    ['ce-subject', event.jobId],
    ['ce-time', new Date(event.atMs).toISOString()],
    ['ce-sequence', String(event.seq).padStart(sequenceDigits, '0')],
    ['ce-datacontenttype', 'application/json'],
  ];
  if (event.traceparent !== undefined) {
    attributes.push(['ce-traceparent', event.traceparent], ['traceparent', event.traceparent]);
  }
  return attributes;
}

/** The header lines of the message, `Nats-Msg-Id` first. */
export function cloudEventHeaders(event: JobEvent, root: string): string {
  let text = `Nats-Msg-Id: ${cloudEventId(event)}\r\n`;
  for (const [name, value] of cloudEventAttributes(event, root)) text += `${name}: ${percentEncode(value)}\r\n`;
  return text;
}

export function percentEncode(value: string): string {
  if (!needsEncoding.test(value)) return value;
  return value.replace(encodedCharacters, (character) => {
    let encoded = '';
    for (const byte of encoder.encode(character)) encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    return encoded;
  });
}
