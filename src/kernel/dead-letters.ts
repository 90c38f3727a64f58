/**
 * Messages that nobody will handle: each is counted with its reason, and the last ones are kept for whoever investigates
 * (their tag only: payloads are not ours to keep).
 */
import type { Clock, Telemetry } from '../application/ports/runtime.ts';
import type { DeadLetterReason } from './actor.ts';
import type { EventBus } from './events.ts';
import { RingBuffer } from './ring-buffer.ts';
import { counters } from '../domain/measures.ts';

/** A message that nobody handled. Its content is not kept. */
export interface DeadLetter {
  /** The actor that it was meant for. */
  readonly path: string;
  /** Why nobody handled it. */
  readonly reason: DeadLetterReason;
  /** `kind` or `type` of the message, else its JavaScript type. */
  readonly messageTag: string;
  /** When it was refused, in ms of the clock of the system. */
  readonly atMs: number;
}

export interface DeadLetters {
  record(path: string, reason: DeadLetterReason, message: unknown): void;
  /** All there ever were, by reason. */
  counts(): Readonly<Record<DeadLetterReason, number>>;
  /** Oldest first, at most 256. */
  recent(): readonly DeadLetter[];
}

const KEPT = 256;

export function createDeadLetters(clock: Clock, telemetry: Telemetry, events: EventBus): DeadLetters {
  const counter = telemetry.counter({
    ...counters.deadLetters,
    help: 'Messages between actors that nobody handled, by reason.',
  });
  const kept = new RingBuffer<DeadLetter>(KEPT);
  const counts: Record<DeadLetterReason, number> = {
    mailbox_full: 0,
    stash_full: 0,
    stopped: 0,
    quarantined: 0,
    no_actor: 0,
  };
  return {
    counts: () => ({ ...counts }),
    record(path, reason, message) {
      counts[reason]++;
      counter.add(1, { reason });
      if (kept.size === KEPT) kept.shift();
      kept.push({ path, reason, messageTag: tagOf(message), atMs: clock.nowMs() });
      if (events.hasListeners) events.publish({ type: 'dead_letter', path, reason, message });
    },
    recent: () => kept.toArray(),
  };
}

function tagOf(message: unknown): string {
  if (typeof message === 'object' && message !== null) {
    if ('kind' in message && typeof message.kind === 'string') return message.kind;
    if ('type' in message && typeof message.type === 'string') return message.type;
  }
  return typeof message;
}
