import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  jobPageToken,
  parseJobPageToken,
  parseQueuePageToken,
  parseResumeToken,
  queuePageToken,
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

  it('are never made up', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const token of [text, Buffer.from(text).toString('base64url')]) {
          expect(() => parseJobPageToken(token, list)).toThrow('page token');
          expect(() => parseResumeToken(token, id)).toThrow('resume token');
        }
      }),
    );
    for (const seq of [0, -1, 1.5, Number.NaN])
      expect(() => parseResumeToken(resumeToken(id, seq), id)).toThrow('resume');
  });
});
