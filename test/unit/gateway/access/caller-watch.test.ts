import { beforeEach, describe, expect, it } from 'vitest';
import type { Permission } from '../../../../src/domain/access/permission.ts';
import type { Principal } from '../../../../src/domain/access/principal.ts';
import { type ErrorCode, TroupeError } from '../../../../src/domain/errors.ts';
import { watchCaller } from '../../../../src/gateway/access/caller-watch.ts';
import { createVirtualClock, type VirtualClock } from '../../../../src/kernel/testkit/virtual-clock.ts';
import { callerWith } from '../../../support/callers.ts';

let clock: VirtualClock;
let ends: string[];
let looks: number;
/** What the gatekeeper says from now on. */
let now: Principal | ErrorCode;

beforeEach(() => {
  clock = createVirtualClock();
  ends = [];
  looks = 0;
});

function watch(principal: Principal): () => void {
  now = principal;
  return watchCaller({
    clock,
    principal,
    admit: async () => {
      looks += 1;
      if (typeof now === 'string') throw new TroupeError(now);
      return now;
    },
    end: ({ code }) => void ends.push(code),
  });
}

async function advance(ms: number): Promise<void> {
  const target = clock.monotonicMs() + ms;
  for (;;) {
    const fired = clock.step(target);
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    if (!fired) return;
  }
}

const reader = (...permissions: readonly Permission[]): Principal => callerWith(permissions, 'acme');

describe('a call that lasts', () => {
  it('goes on while its caller may make it, looked at each 30 s, and no more once it is over', async () => {
    const stop = watch(reader('jobs.read'));
    await advance(300_000);
    expect([looks, ends]).toEqual([10, []]);
    stop();
    await advance(300_000);
    expect([looks, clock.pendingTimers]).toEqual([10, 0]);
  });

  it.each(['KEY_REVOKED', 'KEY_ROTATED', 'TOKEN_INVALID', 'PERMISSION_MISSING'] as const)(
    'ends with %s within 30 s of the gatekeeper saying so, and once',
    async (code) => {
      watch(reader('jobs.read'));
      await advance(29_000);
      now = code;
      await advance(1_000);
      expect(ends).toEqual([code]);
      await advance(120_000);
      expect([ends, looks]).toEqual([[code], 1]);
    },
  );

  it('goes on while nobody can say who its caller is', async () => {
    watch(reader('jobs.read'));
    for (const code of ['STORE_UNAVAILABLE', 'ISSUER_UNAVAILABLE', 'OVERLOADED'] as const) {
      now = code;
      await advance(60_000);
    }
    expect(ends).toEqual([]);
    now = 'KEY_REVOKED';
    await advance(5_000);
    expect(ends).toEqual(['KEY_REVOKED']);
  });

  it('is looked at each 5 s while nobody can say who its caller is, and then each 30 s again', async () => {
    watch(reader('jobs.read'));
    const { ...before } = now as Principal;
    now = 'OVERLOADED';
    await advance(60_000);
    expect(looks).toBe(7);
    now = before;
    await advance(65_000);
    expect([looks, ends]).toEqual([10, []]);
  });

  it.each([
    ['has lost a permission', reader('jobs.read'), reader('jobs.read', 'payloads.read')],
    ['has got one', reader('jobs.read', 'payloads.read'), reader('jobs.read')],
    ['has got one and lost one', reader('jobs.read', 'logs.read'), reader('jobs.read', 'payloads.read')],
    ['is of another tenant', { ...reader('jobs.read'), tenant: 'rival' }, reader('jobs.read')],
  ] as const)('begins anew when its caller %s', async (_what, later, before) => {
    watch(before);
    now = later;
    await advance(30_000);
    expect(ends).toEqual(['ACCESS_CHANGED']);
  });

  it('outlives its credential by 30 s', async () => {
    watch({ ...reader('jobs.read'), expiresAtMs: clock.wallMs() + 45_000 });
    now = 'TOKEN_EXPIRED';
    await advance(74_999);
    expect(ends).toEqual([]);
    await advance(1);
    expect(ends).toEqual(['TOKEN_EXPIRED']);
  });

  it('ends when the wall clock was set forward beyond the end of its credential', async () => {
    watch({ ...reader('jobs.read'), expiresAtMs: clock.wallMs() + 3_600_000 });
    now = 'TOKEN_EXPIRED';
    clock.stepWall(7_200_000);
    await advance(30_000);
    expect(ends).toEqual(['TOKEN_EXPIRED']);
    await advance(7_200_000);
    expect([ends, clock.pendingTimers]).toEqual([['TOKEN_EXPIRED'], 0]);
  });

  it('goes on as long as its credential when the wall clock was set back', async () => {
    watch({ ...reader('jobs.read'), expiresAtMs: clock.wallMs() + 60_000 });
    clock.stepWall(-3_600_000);
    await advance(3_600_000);
    expect(ends).toEqual([]);
    await advance(90_000);
    expect(ends).toEqual(['TOKEN_EXPIRED']);
  });

  it('of anyone is not looked at', async () => {
    watch({ ...reader('jobs.read'), kind: 'anyone' });
    await advance(300_000);
    expect(looks).toBe(0);
  });
});
