// Ids of traces: the same for everybody who knows the job, and sampled alike by every node.
import { describe, expect, it } from 'vitest';
import {
  attemptSpanIdOf,
  callerOf,
  isSampled,
  rootSpanIdOf,
  traceIdOf,
  traceparentOfAttempt,
} from '../../../../src/application/traces/trace-ids.ts';

const caller = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331';
const jobs = Array.from({ length: 4_000 }, (_, n) => `01M3Y3D8S0000000000000${n}`);

describe('ids of a trace', () => {
  it('follow from the job, and differ by what they name', () => {
    expect(traceIdOf('a')).toMatch(/^[0-9a-f]{32}$/);
    expect(traceIdOf('a')).toBe(traceIdOf('a'));
    const spans = [rootSpanIdOf('a'), attemptSpanIdOf('a', 1), attemptSpanIdOf('a', 11), attemptSpanIdOf('b', 1)];
    for (const span of spans) expect(span).toMatch(/^[0-9a-f]{16}$/);
    expect(new Set(spans).size).toBe(spans.length);
  });

  it('make the traceparent of an attempt', () => {
    expect(traceparentOfAttempt({ jobId: 'a' }, 2, 1)).toBe(`00-${traceIdOf('a')}-${attemptSpanIdOf('a', 2)}-01`);
    expect(traceparentOfAttempt({ jobId: 'a' }, 2, 0)).toMatch(/-00$/);
  });

  it('say where the submitter was', () => {
    expect(callerOf(`${caller}-01`)).toEqual({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
    });
    expect(callerOf(undefined)).toBeUndefined();
  });
});

describe('a job is sampled', () => {
  it('by the flag of its submitter, whatever the ratio', () => {
    expect(isSampled({ jobId: 'a', traceparent: `${caller}-01` }, 0)).toBe(true);
    expect(isSampled({ jobId: 'a', traceparent: `${caller}-03` }, 0)).toBe(true);
    expect(isSampled({ jobId: 'a', traceparent: `${caller}-00` }, 1)).toBe(false);
    expect(isSampled({ jobId: 'a', traceparent: `${caller}-02` }, 1)).toBe(false);
  });

  it('by the ratio otherwise, and who is sampled at a ratio is sampled at every higher one', () => {
    const at = (ratio: number) => jobs.filter((jobId) => isSampled({ jobId }, ratio));
    expect(at(0)).toEqual([]);
    expect(at(1)).toEqual(jobs);
    const [few, many] = [new Set(at(0.1)), new Set(at(0.4))];
    expect(few.size).toBeGreaterThan(300);
    expect(few.size).toBeLessThan(500);
    expect([...few].every((jobId) => many.has(jobId))).toBe(true);
  });
});
