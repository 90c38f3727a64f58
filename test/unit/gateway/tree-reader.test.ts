import { describe, expect, it } from 'vitest';
import type * as wire from '../../../src/contract/messages.ts';
import type { Principal } from '../../../src/domain/access/principal.ts';
import { actorsFor, reportsFor } from '../../../src/gateway/tree-reader.ts';

const actor = { path: 'node/worker/1', run: { jobId: 'j', note: 'for a customer of another tenant' } } as wire.Actor;
const report = { actor, children: [actor] } as unknown as wire.ActorReport;

describe('the note of a run', () => {
  it.each([
    ['operator', true],
    ['anyone', true],
    ['subject', false],
    ['service', false],
  ] as const satisfies readonly (readonly [Principal['kind'], boolean])[])('is shown to %s: %s', (kind, isShown) => {
    const texts = JSON.stringify([actorsFor({ kind }, [actor]), reportsFor({ kind }, [report])]);
    expect(texts.includes('for a customer')).toBe(isShown);
    expect(texts).toContain('node/worker/1');
  });
});
