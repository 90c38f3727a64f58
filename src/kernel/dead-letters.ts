/**
 * Messages that will never be handled. Each is counted by reason, and the last 256 are kept for diagnosis.
 * Only a tag of the message is kept, because its content may be confidential or large.
 */
import type { Clock, Telemetry } from '../application/ports/runtime.ts';
import type { DeadLetterReason } from './actor.ts';
import type { EventBus } from './events.ts';
import { RingBuffer } from './ring-buffer.ts';
import { counters } from '../domain/measures.ts';

/** A message that was not handled. Its content is not kept. */
export interface DeadLetter {
  /** The path of the intended receiver. */
  readonly path: string;
  /** Why the message was not handled. */
  readonly reason: DeadLetterReason;
  /** The `kind` or `type` field of the message, or its JavaScript type if it has neither. */
  readonly messageTag: string;
  /** When the message was refused, in ms of the system's clock. */
  readonly atMs: number;
}

/** The counts and the last dead letters of a system. */
export interface DeadLetters {
  /** Counts and keeps a dead letter, and notifies the listeners of system events. */
  record(path: string, reason: DeadLetterReason, message: unknown): void;
  /** Totals since the system started, by reason. */
  counts(): Readonly<Record<DeadLetterReason, number>>;
  /** The last 256, oldest first. */
  recent(): readonly DeadLetter[];
}

const KEPT = 256;

/** Creates the record of dead letters, with a counter in `telemetry`. */
export function createDeadLetters(clock: Clock, telemetry: Telemetry, events: EventBus): DeadLetters {
  const counter = telemetry.counter({
    ...counters.deadLetters,
    help: 'Messages between actors that no actor handled, by reason.',
  });
  const kept = new RingBuffer<DeadLetter>(KEPT);
  const counts: Record<DeadLetterReason, number> = {
    mailbox_full: 0,
    stash_full: 0,
    stopped: 0,
    suspended: 0,
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
