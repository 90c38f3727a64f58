/** The latest events of this node's actors. It keeps at most `eventsKept` and drops the oldest. */
import type * as wire from '../../contract/messages.ts';
import { toTime } from '../../contract/time.ts';
import { isWithin } from '../../application/ports/node-protocol.ts';
import type { SystemEvent } from '../../kernel/index.ts';

export const eventsKept = 1_000;
const errorMaxChars = 500;

export class ActorEvents {
  readonly #nowMs: () => number;
  readonly #kept: wire.ActorEvent[] = [];
  #next = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  note(event: SystemEvent): void {
    // Dead letters are kept elsewhere, because there may be many.
    if (event.type === 'dead_letter') return;
    this.#kept[this.#next] = {
      time: toTime(this.#nowMs()),
      path: event.path,
      type: event.type,
      incarnation: 'incarnation' in event ? event.incarnation : null,
      error: errorOf(event),
    };
    this.#next = (this.#next + 1) % eventsKept;
  }

  /** Newest first. */
  within(path: string, limit: number): readonly wire.ActorEvent[] {
    const oldestFirst = [...this.#kept.slice(this.#next), ...this.#kept.slice(0, this.#next)];
    return oldestFirst
      .reverse()
      .filter((event) => isWithin(event.path, path))
      .slice(0, limit);
  }
}

function errorOf(event: SystemEvent): string {
  if (event.type === 'crashed') return textOf(event.error);
  if (event.type !== 'stopped' && event.type !== 'suspended') return '';
  return event.reason.kind === 'failed' ? textOf(event.reason.error) : '';
}

export function textOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, errorMaxChars);
}
