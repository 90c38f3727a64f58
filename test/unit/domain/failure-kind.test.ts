// Which failed jobs are of one kind: what differs from job to job does not count, what differs by its cause does.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type FailureKindFacts,
  failureKindId,
  failureKindOf,
  failureKindPattern,
  withoutParticulars,
} from '../../../src/domain/failure-kind.ts';
import type { Failure } from '../../../src/domain/job.ts';
import { testRecord } from '../../support/jobs.ts';

const failure = (more: Partial<Failure> = {}): Failure => ({ reason: 'HANDLER_FAILED', message: 'no', ...more });
const kindOf = (one: Failure, withTexts = true): FailureKindFacts | undefined =>
  failureKindOf({ ...testRecord({ handler: 'h' }), failure: one }, withTexts);
const idOf = (facts: FailureKindFacts, withTexts: boolean): string =>
  failureKindId(facts, withTexts, (text) => createHash('sha256').update(text).digest('hex'));

describe('a message without what differs from job to job', () => {
  it.each([
    ['job 17 took 3.5 s, limit 2,000', 'job # took # s, limit #'],
    ['user "ann o\'neil" is not there', 'user "…" is not there'],
    ["cannot read 'a.png' and `b`", 'cannot read "…" and "…"'],
    ['no 6f1c1a4e-0b5c-4a57-9a0e-7c3e1f2b4d5e', 'no #'],
    ['object 5f2b9c01ab34cd gone, at 0xdeadbeef', 'object # gone, at #'],
    ['connect ECONNREFUSED 10.0.0.7:5432', 'connect ECONNREFUSED #'],
    ['two\n  lines\t', 'two lines'],
    ['', ''],
  ])('%s', (message, plain) => {
    expect(withoutParticulars(message)).toBe(plain);
  });

  it('is found in a time that grows with its length, whatever it is, and has a bound', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 2_000, unit: 'grapheme' }), (message) => {
        expect(withoutParticulars(message).length).toBeLessThanOrEqual(200);
      }),
    );
    for (const hostile of [
      '"'.repeat(4_000),
      "'".repeat(3_999),
      '1,'.repeat(2_000),
      '0x'.repeat(2_000),
      'a1'.repeat(2_000),
    ])
      expect(withoutParticulars(hostile).length).toBeLessThanOrEqual(200);
  });
});

describe('the kind of a failure', () => {
  it('has the first own line of the stack, without folder and line', () => {
    const stack = [
      'Error: no',
      '    at node:internal/process/task_queues:95:5',
      '    at parse (/srv/app/node_modules/zod/lib/index.js:1:2)',
      '    at async resize (/srv/app/handlers/thumbnail.job.ts:41:11)',
      '    at run (/srv/app/handlers/other.ts:1:1)',
    ].join('\n');
    expect(kindOf(failure({ stack }))?.frame).toBe('async resize (thumbnail.job.ts)');
    expect(kindOf(failure({ stack: 'Error\n    at C:\\app\\x.ts:1:2' }))?.frame).toBe('x.ts');
    expect(kindOf(failure({ stack: 'Error: no' }))).not.toHaveProperty('frame');
  });

  it('takes stacks that a handler wrote itself, whatever is in them', () => {
    const frameOf = (line: string) => kindOf(failure({ stack: `Error\n  at ${line}` }))?.frame;
    expect(frameOf('f (a) (/x/y.ts:1:2)')).toBe('f (y.ts)');
    expect([frameOf(' (x.ts:1)'), frameOf('f ()'), frameOf('f (x.ts:1')]).toEqual([' (x.ts:1)', 'f ()', 'f (x.ts']);
    // With a pattern this took 30 ms each, so 30 s of the loop for a page of a thousand.
    const hostile = failure({ stack: `at ${' ('.repeat(1_998)}` });
    for (let n = 0; n < 1_000; n += 1) expect(kindOf(hostile)?.frame?.length).toBe(120);
  });

  it('has no texts for those who may not read them, nor of one that is sealed', () => {
    const full = failure({ code: 'C', message: 'secret', stack: 'Error\n at secret (x.ts:1:1)' });
    expect(kindOf(full, false)).toEqual({ handler: 'h', reason: 'HANDLER_FAILED', code: 'C' });
    expect(kindOf({ ...full, sealed: 'AAAA' })).toEqual({ handler: 'h', reason: 'HANDLER_FAILED', code: 'C' });
  });

  it('is nothing for a job without a failure', () => {
    expect(failureKindOf(testRecord(), true)).toBeUndefined();
  });
});

describe('the id of a kind', () => {
  const facts: FailureKindFacts = { handler: 'h', reason: 'HANDLER_FAILED', message: 'm', frame: 'f' };

  it('differs by each of the facts, and by who may read texts', () => {
    const others: FailureKindFacts[] = [
      facts,
      { ...facts, handler: 'i' },
      { ...facts, reason: 'NODE_LOST' },
      { ...facts, code: 'C' },
      { ...facts, message: 'n' },
      { ...facts, frame: 'g' },
    ];
    const ids = others.map((one) => idOf(one, true));
    for (const id of [...ids, idOf(facts, false)]) expect(id).toMatch(failureKindPattern);
    expect(new Set(ids).size).toBe(others.length);
    expect(idOf(facts, false)).toBe(idOf({ ...facts, message: 'n', frame: 'g' }, false));
    expect(idOf(facts, false)).not.toBe(idOf(facts, true));
  });

  it('is what it was in earlier versions, since people keep it in links', () => {
    expect(idOf(facts, true)).toBe('t73332cc53a03311');
    expect(idOf(facts, false)).toBe('pf7fe1fe28fdde5a');
  });
});
