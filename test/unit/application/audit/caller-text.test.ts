import { describe, expect, it } from 'vitest';
import { callerText } from '../../../../src/application/ports/call-context.ts';
import type { Principal } from '../../../../src/domain/access/principal.ts';
import { callerMaxBytes } from '../../../../src/domain/job.ts';
import { decide } from '../../../../src/domain/transitions.ts';
import { testRecord } from '../../../support/jobs.ts';

const textOf = (id: string): string => callerText({ principal: { id } as Principal });

describe('the caller in the history of a job', () => {
  it('has bounded bytes, and no half of a character', () => {
    expect(textOf('jwt:corp:4711')).toBe('jwt:corp:4711');
    expect(textOf('x'.repeat(500))).toBe('x'.repeat(callerMaxBytes));
    for (const character of ['é', '€', '\u{1F600}']) {
      for (const first of ['', 'x', 'xx', 'xxx']) {
        const text = textOf(first + character.repeat(100));
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(callerMaxBytes);
        expect(text).not.toContain('\uFFFD');
        expect(text.startsWith(first + character)).toBe(true);
      }
    }
  });

  it('is in the entry of what was asked for, and in no other', () => {
    const nowMs = 2_000_000_000_000;
    const waiting = testRecord({ runAtMs: nowMs + 60_000 }, { nowMs });
    const command = { kind: 'reschedule', readyAtMs: nowMs + 90_000, wallMs: nowMs } as const;
    const moved = decide(waiting, { ...command, caller: 'operator' }, nowMs, 0);
    if (moved.kind !== 'changed') throw new Error('it was rescheduled');
    const cancelled = decide(moved.record, { kind: 'cancel', reason: '', caller: 'jwt:corp:4711' }, nowMs, 0);
    expect(cancelled.kind === 'changed' && cancelled.record.trail.map(({ by }) => by)).toEqual([
      undefined,
      'operator',
      'jwt:corp:4711',
    ]);
    // A peer of an earlier version names nobody.
    const former = decide(waiting, { kind: 'cancel', reason: '' }, nowMs, 0);
    expect(former.kind === 'changed' && Object.hasOwn(former.record.trail.at(-1) ?? {}, 'by')).toBe(false);
  });
});
