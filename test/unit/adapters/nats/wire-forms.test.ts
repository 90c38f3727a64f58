import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { consumerName, escapeToken, natsNames, routeOf } from '../../../../src/adapters/nats/names.ts';
import { isBatchProgress, readBatchEnd, readPubAck } from '../../../../src/adapters/nats/pub-ack.ts';
import { defaultPriority, priorities } from '../../../../src/domain/priority.ts';
import { handlerNamePattern } from '../../../../src/domain/queue.ts';
import { fitResults } from '../../../../src/adapters/nats/shard-link.ts';

function unescapeToken(token: string): string {
  return token.replace(/=([0-9A-F]+)=/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));
}

describe('names', () => {
  test('any text becomes one subject token and back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const token = escapeToken(text);
        expect(token).toMatch(/^[A-Za-z0-9_=-]*$/);
        expect(unescapeToken(token)).toBe(text);
      }),
    );
  });

  test('a work subject says its route', () => {
    const names = natsNames('root');
    const token = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
    const level = fc.constantFrom(...priorities);
    const handler = fc.stringMatching(handlerNamePattern);
    const version = fc.option(fc.oneof(fc.stringMatching(/^[A-Za-z0-9._+-]{1,64}$/), fc.constant('>=1.4')));
    fc.assert(
      fc.property(token, token, level, fc.option(fc.tuple(handler, version)), (tenant, queue, asked, needed) => {
        const [name = '', least] = needed ?? [];
        const need = { handler: name, ...(typeof least === 'string' && { version: least }) };
        const place = { tenant, queue, ...(asked !== defaultPriority && { level: asked }) };
        const route = needed === null ? place : { ...place, need };
        expect(names.workSubject(route).split('.')).toHaveLength(5);
        expect(routeOf(names.workSubject(route))).toEqual(route);
        expect(consumerName(route).length).toBeLessThan(256);
      }),
    );
    expect(routeOf('root.work.a.b.5')).toBeUndefined();
  });

  test('two routes never share a consumer', () => {
    const names = [
      { tenant: 'a', queue: 'b_2' },
      { tenant: 'a_b', queue: '2' },
      { tenant: 'a', queue: 'b', need: { handler: 'x' } },
      { tenant: 'a', queue: 'b', need: { handler: 'x', version: '1' } },
      { tenant: 'a', queue: 'b' },
      { tenant: 'a', queue: 'b', level: 3 } as const,
      { tenant: 'a', queue: 'b', level: 3, need: { handler: 'x' } } as const,
    ].map(consumerName);
    expect(new Set(names).size).toBe(names.length);
  });

  test('a root that is not one token is refused', () => {
    for (const root of ['', 'a.b', 'a*', 'a b', '>']) expect(() => natsNames(root)).toThrow('subject root');
  });
});

describe('PubAck', () => {
  const read = (text: string) => readPubAck(Buffer.from(`xx${text}`).subarray(2));

  test('gives the sequence, 0 for a duplicate, or the error', () => {
    expect(read('{"stream":"TROUPE_WORK", "seq":12}')).toBe(12);
    expect(read('{"stream":"S","domain":"d","seq":9007199254}')).toBe(9_007_199_254);
    expect(read('{"stream":"S", "seq":12,"duplicate": true}')).toBe(0);
    expect(read('{"stream":"S", "seq":12,"batch":"b","count":3}')).toBe(12);
    expect(read('{"seq":4,"stream":"S","duplicate":true}')).toBe(0);
    expect(
      read('{"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"},"stream":"S","seq":0}'),
    ).toMatchObject({ err_code: 10077 });
    expect(read('garbage')).toMatchObject({ description: 'the answer is not a PubAck' });
  });
});

describe('an answer to a batch', () => {
  const progress = Buffer.from('{"type":"ack","seq":200,"msgs":100}');
  const end = (text: string) => readBatchEnd(Buffer.from(text));

  test('is progress, or the end: a count, or an error', () => {
    expect(isBatchProgress(progress)).toBe(true);
    expect(end('{"stream":"S", "seq":12,"batch":"b","count":3}')).toEqual({ seq: 12, count: 3 });
    for (const text of [
      '{"type":"err","seq":4,"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"}}',
      '{"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"},"stream":"S","seq":0}',
    ]) {
      expect(isBatchProgress(Buffer.from(text))).toBe(false);
      expect(end(text)).toMatchObject({ err_code: 10077 });
    }
    for (const text of ['{"type":"gap","last_seq":3,"seq":5}', '{"stream":"S", "seq":12}', 'garbage', 'null']) {
      expect(isBatchProgress(Buffer.from(text))).toBe(false);
      expect(end(text)).toEqual({ description: 'the answer is not the end of a batch' });
    }
  });
});

describe('results of a shard in one message', () => {
  test('always fit when errors do, keep their order, and lose nothing that fits', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 4_000 }), { maxLength: 20 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 4_000, max: 20_000 }), (lengths, maxBytes) => {
        const results = lengths.map((length, index) => ({ ok: `${index}:${'é'.repeat(length)}` }));
        const text = fitResults(results, maxBytes);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maxBytes);
        const { results: read } = JSON.parse(text) as { results: ({ ok: string } | { error: { code: string } })[] };
        expect(read).toHaveLength(results.length);
        for (const [index, result] of read.entries()) {
          if ('ok' in result) expect(result).toEqual(results[index]);
          else expect(['OUTCOME_UNKNOWN', 'PAYLOAD_TOO_LARGE']).toContain(result.error.code);
        }
        if (Buffer.byteLength(JSON.stringify({ results })) <= maxBytes) expect(read).toEqual(results);
      }),
    );
  });
});
