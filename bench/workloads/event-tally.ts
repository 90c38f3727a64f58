/**
 * Counts jobs as a stock NATS client sees them, with one subscription to the events of a queue. Events are published
 * only after their decision is durable. So when the last `succeeded` has arrived, every job is recorded.
 */
import type { NatsConnection, Subscription } from '@nats-io/transport-node';

export interface TallyOptions {
  readonly connection: NatsConnection;
  /** Default: default. */
  readonly tenant?: string;
  readonly queue: string;
  readonly event: 'started' | 'succeeded';
  readonly onJob?: (jobId: string) => void;
}

export class EventTally {
  readonly #seen = new Set<string>();
  readonly #subscriptions: Subscription[];
  #waiting: { readonly count: number; readonly resolve: () => void } | undefined;
  #failed: string | undefined;

  constructor({ connection, tenant = 'default', queue, event, onJob }: TallyOptions) {
    const prefix = `troupe.events.${tenant}.${queue}`;
    const onEvent = (subject: string): void => {
      const jobId = subject.slice(subject.lastIndexOf('.') + 1);
      if (this.#seen.has(jobId)) return;
      this.#seen.add(jobId);
      onJob?.(jobId);
      if (this.#waiting !== undefined && this.#seen.size >= this.#waiting.count) this.#waiting.resolve();
    };
    this.#subscriptions = [
      connection.subscribe(`${prefix}.${event}.*`, { callback: (_error, message) => onEvent(message.subject) }),
      connection.subscribe(`${prefix}.failed.*`, {
        callback: (_error, message) => {
          this.#failed = `${message.subject} ${message.string()}`;
        },
      }),
    ];
  }

  get count(): number {
    return this.#seen.size;
  }

  has(jobId: string): boolean {
    return this.#seen.has(jobId);
  }

  /** Resolves once `count` jobs were seen. Rejects after `timeoutMs`. */
  reached(count: number, timeoutMs: number): Promise<void> {
    if (this.#seen.size >= count) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const failure = this.#failed === undefined ? '' : `; one failed: ${this.#failed}`;
        reject(new Error(`${this.#seen.size} of ${count} jobs seen after ${timeoutMs} ms${failure}`));
      }, timeoutMs);
      this.#waiting = {
        count,
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
      };
    });
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }
}
