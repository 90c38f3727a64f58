import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  accountPageToken,
  jobPageToken,
  parseAccountPageToken,
  parseJobPageToken,
  parseQueuePageToken,
  parseQueueResumeToken,
  parseResumeToken,
  queuePageToken,
  queueResumeToken,
  resumeToken,
} from '../../../../src/application/calls/page-token.ts';
import { composeJobId } from '../../../../src/domain/job-id.ts';

const id = composeJobId({ createdAtMs: 1_700_000_000_000, shard: 3, queueNo: 17 }, 5n);
const other = composeJobId({ createdAtMs: 1_700_000_000_000, shard: 3, queueNo: 18 }, 5n);

const list = { queueNo: 17, digest: 'd' };

describe('tokens', () => {
  it('come back as what they stand for', () => {
    expect(parseJobPageToken(jobPageToken(id, 'd'), list)).toBe(id);
    expect(parseQueuePageToken(queuePageToken('thumbs'))).toBe('thumbs');
    expect(parseResumeToken(resumeToken(id, 12), id)).toEqual({ seq: 12, log: undefined });
  });

  it('are good for what they were made for only', () => {
    expect(() => parseJobPageToken(jobPageToken(other, 'd'), list)).toThrow('page token');
    expect(() => parseJobPageToken(jobPageToken(id, 'e'), list)).toThrow('page token');
    expect(() => parseJobPageToken(jobPageToken(id, ''), list)).toThrow('page token');
    expect(() => parseResumeToken(resumeToken(other, 1), id)).toThrow('resume token');
    expect(() => parseQueuePageToken(jobPageToken(id, 'd'))).toThrow('page token');
    expect(() => parseJobPageToken(resumeToken(id, 1), list)).toThrow('page token');
  });

  it('of accounts stand for a name that an account can have', () => {
    expect(parseAccountPageToken(accountPageToken('billing'))).toBe('billing');
    for (const name of ['', 'a/b', 'a\0', 'a'.repeat(65), 'a'.repeat(1_000_000)])
      expect(() => parseAccountPageToken(accountPageToken(name))).toThrow('page token');
  });

  it('are never made up', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const token of [text, Buffer.from(text).toString('base64url')]) {
          expect(() => parseJobPageToken(token, list)).toThrow('page token');
          expect(() => parseResumeToken(token, id)).toThrow('resume token');
          expect(() => parseQueueResumeToken(token, 17)).toThrow('resume token');
        }
      }),
    );
    for (const seq of [0, -1, 1.5, Number.NaN])
      expect(() => parseResumeToken(resumeToken(id, seq), id)).toThrow('resume');
  });

  it('of a queue hold a position for each of up to 32 logs, in 4 KiB, and nothing that is no position', () => {
    const position = { log: '2026-11-30T08:54:02.123456789Z', position: 999_999_999_999_999, mark: '1'.repeat(23) };
    const all = Array.from({ length: 32 }, () => position);
    const token = queueResumeToken(17, all);
    expect(parseQueueResumeToken(token, 17)).toEqual(all);
    expect(token.length).toBeLessThan(4_096);
    expect(() => parseQueueResumeToken(token, 18)).toThrow('resume token');
    expect(() => parseQueueResumeToken(queueResumeToken(17, [...all, position]), 17)).toThrow('resume token');
    expect(() => parseQueueResumeToken(queueResumeToken(17, Array(100_000).fill(position)), 17)).toThrow(
      'resume token',
    );
    for (const wrong of [-1, Number.NaN, Infinity, 1e21])
      expect(() =>
        parseQueueResumeToken(queueResumeToken(17, [position, { ...position, position: wrong }]), 17),
      ).toThrow('resume token');
  });

  it('of a queue are known from before there could be several logs', () => {
    const old = Buffer.from('w1.17.5.2026-11-30T08:54:02.1Z#20261130').toString('base64url');
    expect(parseQueueResumeToken(old, 17)).toEqual([{ log: '2026-11-30T08:54:02.1Z', position: 5, mark: '20261130' }]);
    expect(queueResumeToken(17, parseQueueResumeToken(old, 17))).toBe(old);
  });
});
