// What the metadata of a call say about its trace.
import { Metadata } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { factsOf, type IncomingCall } from '../../../src/gateway/call-facts.ts';
import { createManualClock } from '../application/manual-clock.ts';

function traceparentOf(header: string): string | undefined {
  const metadata = new Metadata();
  metadata.set('traceparent', header);
  const call: IncomingCall = {
    metadata,
    getDeadline: () => Infinity,
    getPeer: () => 'peer',
    getAuthContext: () => ({}),
  };
  return factsOf(call, createManualClock()).traceparent;
}

const [traceId, spanId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];

it.each([`00-${traceId}-${spanId}-01`, `00-${traceId}-${spanId}-00`, `01-${traceId}-${spanId}-ff`])(
  'the trace context %s is taken',
  (header) => {
    expect(traceparentOf(header)).toBe(header);
  },
);

it.each([
  `ff-${traceId}-${spanId}-01`,
  `00-${'0'.repeat(32)}-${spanId}-01`,
  `00-${traceId}-${'0'.repeat(16)}-01`,
  `00-${traceId.toUpperCase()}-${spanId}-01`,
  `00-${traceId}-${spanId}-01-more`,
  '',
])('the trace context "%s" counts as none', (header) => {
  expect(traceparentOf(header)).toBeUndefined();
});
