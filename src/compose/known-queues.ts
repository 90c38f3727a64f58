/**
 * Announces all queues of the store when a process starts: nodes learn of queues from the shared configuration, which is
 * lost if NATS was wiped. Several at once, because a cluster may have thousands. NATS may be busy meanwhile, for example
 * with what the shards of this process publish again, so each question is repeated.
 */
import { isConsumersMaxReached } from '../adapters/nats/broker-error.ts';
import type { PatientAsks } from '../adapters/nats/patient-asks.ts';
import type { SharedConfig } from '../application/ports/membership.ts';
import type { WorkSource } from '../application/ports/bus.ts';
import type { QueueStore } from '../application/ports/queue-store.ts';
import type { Clock, Logger } from '../application/ports/runtime.ts';
import type { Config } from '../config/index.ts';
import { someAtOnce } from '../domain/some-at-once.ts';
import { defaultQueueName, defaultQueueSettings, defaultTenant, type Queue, queueStamp } from '../domain/queue.ts';

const announcedAtOnce = 32;

export interface KnownQueuesParts {
  readonly queues: Pick<QueueStore, 'createQueue' | 'listQueues'>;
  readonly work: Pick<WorkSource, 'ensureRoute'>;
  readonly config: Pick<SharedConfig, 'touchQueue'>;
  readonly asks: Pick<PatientAsks, 'ask'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly log: Logger;
  /** Of this process. Workers leave the default queue to others: they change none. */
  readonly roles: Config['roles'];
}

/** Creates the default queue once per cluster, so that there is always a queue to submit to. */
export async function announceKnownQueues(parts: KnownQueuesParts): Promise<void> {
  const { queues, work, config, asks, roles, clock, log } = parts;
  const [tenant, name] = [defaultTenant, defaultQueueName];
  if (roles.some((role) => role !== 'workers'))
    await queues.createQueue({ tenant, name, settings: defaultQueueSettings, nowMs: clock.nowMs() });
  await someAtOnce(await queues.listQueues(), announcedAtOnce, async (queue) => {
    await ensureRoute(queue);
    await asks.ask('queues', () => config.touchQueue(queue.tenant, queue.name, queueStamp(queue)));
  });

  /** One queue too many must not keep the process, and with it all other queues, from starting. */
  async function ensureRoute({ tenant: owner, name: queue }: Queue): Promise<void> {
    try {
      await asks.ask('queues', () => work.ensureRoute({ tenant: owner, queue }));
    } catch (error) {
      if (!isConsumersMaxReached(error)) throw error;
      log.error({ err: error, tenant: owner, queue }, 'NATS allows no more consumers: jobs of this queue do not run');
    }
  }
}
