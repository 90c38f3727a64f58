/** The latest events of this node's actors. It keeps at most `eventsKept` and drops the oldest. */
import { type ActorEventReport, isWithin } from '../../application/protocol/node-protocol.ts';
import type { SystemEvent } from '../../kernel/index.ts';
import { given } from '../../domain/given.ts';

export const eventsKept = 1_000;
const errorMaxChars = 500;

export class ActorEvents {
  readonly #nowMs: () => number;
  readonly #kept: ActorEventReport[] = [];
  #next = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  note(event: SystemEvent): void {
    // Dead letters are kept elsewhere, because there may be many.
    if (event.type === 'dead_letter') return;
    const error = errorOf(event);
    this.#kept[this.#next] = {
      atMs: this.#nowMs(),
      path: event.path,
      type: event.type,
      life: 'incarnation' in event ? event.incarnation : 0,
      ...given({ error }),
    };
    this.#next = (this.#next + 1) % eventsKept;
  }

  /** Newest first. */
  within(path: string, limit: number): readonly ActorEventReport[] {
    const oldestFirst = [...this.#kept.slice(this.#next), ...this.#kept.slice(0, this.#next)];
    return oldestFirst
      .reverse()
      .filter((event) => isWithin(event.path, path))
      .slice(0, limit);
  }
}

function errorOf(event: SystemEvent): string | undefined {
  if (event.type === 'crashed') return textOf(event.error);
  if (event.type !== 'stopped' && event.type !== 'suspended') return undefined;
  return event.reason.kind === 'failed' ? textOf(event.reason.error) : undefined;
}

export function textOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, errorMaxChars);
}
