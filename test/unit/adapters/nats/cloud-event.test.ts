import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cloudEventHeaders, percentEncode } from '../../../../src/adapters/nats/cloud-event.ts';
import type { JobEvent } from '../../../../src/application/ports/bus.ts';
import { composeJobId } from '../../../../src/domain/job-id.ts';
import { jobEventTypes } from '../../../../src/domain/job.ts';

const jobId = composeJobId({ createdAtMs: 1_795_428_476_591, shard: 3, queueNo: 9 }, 77n);
const event: JobEvent = { jobId, seq: 12, type: 'retrying', tenant: 'acme', queue: 'thumbs', atMs: 0, data: {} };

function attributesOf(one: JobEvent): Map<string, string> {
  const lines = cloudEventHeaders(one, 'troupe').trimEnd().split('\r\n');
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]));
}

describe('a job event as a CloudEvent', () => {
  test('has the required attributes and ours, in the binary mode', () => {
    expect(cloudEventHeaders(event, 'troupe')).toBe(
      [
        `Nats-Msg-Id: ${jobId}.12`,
        'ce-specversion: 1.0',
        `ce-id: ${jobId}.12`,
        'ce-source: /troupe/acme/thumbs',
        'ce-type: dev.troupe.job.retrying',
        `ce-subject: ${jobId}`,
        'ce-time: 1970-01-01T00:00:00.000Z',
        'ce-sequence: 0000000012',
        'ce-datacontenttype: application/json',
        '',
      ].join('\r\n'),
    );
  });

  test('carries the trace for CloudEvents readers and for tracing libraries', () => {
    const attributes = attributesOf({ ...event, traceparent: '00-a-b-01' });
    expect(attributes.get('ce-traceparent')).toBe('00-a-b-01');
    expect(attributes.get('traceparent')).toBe('00-a-b-01');
  });

  test('names every kind of event', () => {
    for (const type of jobEventTypes) {
      expect(attributesOf({ ...event, type }).get('ce-type')).toBe(`dev.troupe.job.${type}`);
    }
  });

  test('the sequence sorts as text as it does as a number', () => {
    const sequence = (seq: number): string => attributesOf({ ...event, seq }).get('ce-sequence') ?? '';
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 1, max: 1e9 }), (a, b) => {
        expect(sequence(a) < sequence(b)).toBe(a < b);
      }),
    );
  });

  test('values are percent-encoded as the binding asks and read back whole', () => {
    expect(percentEncode('plain-token.1')).toBe('plain-token.1');
    expect(percentEncode('Euro € 😀 "50%"')).toBe('Euro%20%E2%82%AC%20%F0%9F%98%80%20%2250%25%22');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const encoded = percentEncode(text);
        expect(encoded).toMatch(/^[\x21-\x7e]*$/);
        expect(decodeURIComponent(encoded)).toBe(text);
      }),
    );
  });

  test('no value can break out of its header line', () => {
    const headers = cloudEventHeaders({ ...event, traceparent: '00\r\nEvil: yes' }, 'troupe');
    expect(headers).not.toContain('\r\nEvil');
  });
});
