/** Consumers of event subscriptions in memory, for tests of what stands on them. */
import type { EventConsumers, WantedConsumer } from '../../src/application/ports/event-consumers.ts';
import { subscribedSubjects } from '../../src/domain/event-subscription.ts';
import { TroupeError } from '../../src/domain/errors.ts';

/** A stream as JetStream has it. A test may remove consumers, replace a stream, or add one. */
interface MemoryStream {
  created: string;
  readonly consumers: Map<string, WantedConsumer>;
}

export class MemoryConsumers implements EventConsumers {
  readonly made = new Map<string, MemoryStream>([['TROUPE_EVENTS', { created: 'first', consumers: new Map() }]]);
  /** Called before each step on a stream; throwing is a crash there. */
  before: (step: 'ensure' | 'remove', stream: string) => void = () => undefined;

  /** Requests that wait at each consumer. */
  waiting = 0;

  get streams(): readonly string[] {
    return [...this.made.keys()];
  }

  /** As if JetStream had removed what nobody uses, or an operator had. */
  lose(consumer: string): void {
    for (const { consumers } of this.made.values()) consumers.delete(consumer);
  }

  streamsOf(): readonly string[] {
    return this.streams;
  }

  subjectsOf(wanted: Pick<WantedConsumer, 'tenant' | 'queues' | 'events'>): readonly string[] {
    return subscribedSubjects('troupe', wanted);
  }

  async ensure(wanted: WantedConsumer, streams: readonly string[]): Promise<Readonly<Record<string, string>>> {
    const since: Record<string, string> = {};
    for (const name of streams) {
      this.before('ensure', name);
      const stream = this.made.get(name);
      if (stream === undefined) throw new TroupeError('BROKER_UNAVAILABLE');
      since[name] = stream.created;
      if (!stream.consumers.has(wanted.consumer)) stream.consumers.set(wanted.consumer, wanted);
    }
    return since;
  }

  async remove(consumer: string): Promise<void> {
    for (const [name, { consumers }] of this.made) {
      this.before('remove', name);
      consumers.delete(consumer);
    }
  }

  async figures(consumer: string, streams: readonly string[]) {
    return streams
      .filter((name) => this.made.get(name)?.consumers.has(consumer) === true)
      .map((stream) => ({ stream, pending: 0, ackPending: 0, redelivered: 0, waiting: this.waiting }));
  }

  async look() {
    return [...this.made].map(([stream, { created, consumers }]) => {
      return { stream, created, consumers: new Set(consumers.keys()) };
    });
  }
}
