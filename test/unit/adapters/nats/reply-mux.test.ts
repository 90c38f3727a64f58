/** Deadlines of answers, also when the process stood still while they came. */
import { describe, expect, it } from 'vitest';
import type { Msg } from '@nats-io/transport-node';
import { ReplyMux, type ReplyFailure } from '../../../../src/adapters/nats/reply-mux.ts';
import { createManualClock } from '../../application/manual-clock.ts';

type Link = ConstructorParameters<typeof ReplyMux>[0];

function setUp() {
  const clock = createManualClock();
  let stoodStillMs = 0;
  let receive: (message: Msg) => void = () => undefined;
  const connection = {
    subscribe: (_subject: string, { callback }: { readonly callback: (error: Error | null, message: Msg) => void }) => {
      receive = (message) => callback(null, message);
    },
    publish: () => undefined,
  } as unknown as Link['connection'];
  const link: Link = { connection, newInbox: () => '_INBOX.test', onDown: () => () => undefined };
  const mux = new ReplyMux(link, { ...clock, monotonicMs: () => clock.monotonicMs() + stoodStillMs });
  const outcomes: (ReplyFailure | 'answered')[] = [];
  const ask = (timeoutMs: number): ((subject?: string) => void) => {
    const subject = mux.open(timeoutMs, {
      onReply: () => outcomes.push('answered'),
      onFailure: (failure) => outcomes.push(failure),
    });
    return () => receive({ subject, data: new Uint8Array(1) } as Msg);
  };
  return { clock, ask, outcomes, standStill: (ms: number) => (stoodStillMs += ms), pending: () => mux.pending };
}

describe('an answer', () => {
  it('that does not come within its time is given up', () => {
    const { clock, ask, outcomes, pending } = setUp();
    ask(1_000);
    clock.advance(1_000);
    expect(outcomes).toEqual([]);
    clock.advance(100);
    expect([outcomes, pending()]).toEqual([['timeout'], 0]);
  });

  it('that came while the process stood still is heard', () => {
    const { clock, ask, outcomes, standStill } = setUp();
    const answer = ask(1_000);
    clock.advance(50);
    standStill(5_000);
    clock.advance(50);
    expect(outcomes).toEqual([]);
    answer();
    clock.advance(1_000);
    expect(outcomes).toEqual(['answered']);
  });

  it('is given up by a process that is late all the time', () => {
    const { clock, ask, outcomes, standStill } = setUp();
    ask(1_000);
    for (let at = 0; at < 2; at += 1) {
      standStill(2_000);
      clock.advance(50);
    }
    expect(outcomes).toEqual(['timeout']);
  });
});
