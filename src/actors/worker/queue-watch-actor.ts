/** Starts a puller for every queue that the shared configuration names. Queues are never forgotten while the node runs. */
import type { SharedConfig } from '../../application/ports/membership.ts';
import { supervise } from '../../supervisor/index.ts';
import type { ChildSpec, SupervisorMessage } from '../../supervisor/index.ts';
import type { ActorContext, ActorDefinition, ActorRef, Behavior } from '../kernel/index.ts';
import { pullerActor } from './puller-actor.ts';
import type { PulledQueue } from './puller-actor.ts';
import type { RunsMessage } from './runs-message.ts';
import { runsActor } from './runs-actor.ts';
import type { WorkerServices } from './worker-services.ts';

export type QueueWatchMessage =
  | { readonly kind: 'look' }
  | { readonly kind: 'measured'; readonly queue: PulledQueue; readonly outcome: PromiseSettledResult<number> }
  | { readonly kind: 'ready'; readonly queue: PulledQueue; readonly outcome: PromiseSettledResult<void> };

/** News of the configuration come by a watch; this is for when one was lost. */
const lookEveryMs = 5_000;
const pullerStopMs = 1_000;

type WatchedConfig = Pick<SharedConfig, 'queues' | 'onChange'>;

/**
 * The worker half of a node: `runs`, then the pullers below `queues`, then their watch. A later one relies on the earlier
 * ones, so what follows a failed child is started again with it.
 */
export function workersSupervisor(services: WorkerServices, config: WatchedConfig): ActorDefinition<SupervisorMessage> {
  const intensity = { maxRestarts: 10, windowMs: 60_000 };
  const queues = supervise({ strategy: 'one-for-one', intensity, kind: 'queues', children: [], maxChildren: 10_000 });
  return supervise({
    strategy: 'rest-for-one',
    intensity: { maxRestarts: 3, windowMs: 60_000 },
    kind: 'workers',
    children: [
      { name: 'runs', definition: runsActor(services), restart: 'permanent', shutdownMs: 5_000 },
      { name: 'queues', definition: queues, restart: 'permanent', shutdownMs: 'infinity' },
      { name: 'queue-watch', definition: queueWatchActor(services, config), restart: 'permanent', shutdownMs: 1_000 },
    ],
  });
}

function queueWatchActor(services: WorkerServices, config: WatchedConfig): ActorDefinition<QueueWatchMessage> {
  return {
    kind: 'queue-watch',
    mailboxCapacity: 1_024,
    start: (context) => startWatch(services, config, context),
  };
}

function startWatch(
  services: WorkerServices,
  config: WatchedConfig,
  context: ActorContext<QueueWatchMessage>,
): Behavior<QueueWatchMessage> {
  const queues = context.refAt<SupervisorMessage>('../queues');
  const runs = context.refAt<RunsMessage>('../runs');
  const started = new Set<string>();
  const stopListening = config.onChange(() => context.self.tell({ kind: 'look' }));
  context.self.tell({ kind: 'look' });

  function look(): void {
    for (const key of config.queues().keys()) {
      if (started.has(key)) continue;
      const [tenant = '', name = ''] = key.split('/');
      started.add(key);
      const ensured = services.source.ensureQueue(tenant, name);
      context.pipeToSelf(ensured, (outcome) => ({ kind: 'ready', queue: { tenant, name }, outcome }));
    }
    for (const key of started) measure(key);
    context.setTimer('look', lookEveryMs, { kind: 'look' });
  }

  function measure(key: string): void {
    const [tenant = '', name = ''] = key.split('/');
    const depth = services.source.depth(tenant, name);
    context.pipeToSelf(depth, (outcome) => ({ kind: 'measured', queue: { tenant, name }, outcome }));
  }

  function ready(queue: PulledQueue, outcome: PromiseSettledResult<void>): void {
    if (outcome.status === 'rejected') {
      // Tried again at the next look.
      started.delete(`${queue.tenant}/${queue.name}`);
      context.log.warn({ err: outcome.reason, queue: queue.name }, 'consumer of a queue is not ready');
      return;
    }
    queues.tell({ kind: 'startChild', spec: pullerSpec(queue, services, runs) });
    measure(`${queue.tenant}/${queue.name}`);
  }

  return {
    receive(message) {
      switch (message.kind) {
        case 'look':
          look();
          break;
        case 'measured':
          if (message.outcome.status === 'rejected') break;
          services.metrics.queueDepth.set(message.outcome.value, {
            tenant: message.queue.tenant,
            queue: message.queue.name,
          });
          break;
        case 'ready':
          ready(message.queue, message.outcome);
          break;
      }
    },
    onStop: stopListening,
  };
}

/** A queue whose puller fails too often is quarantined and shown; the others go on. */
function pullerSpec(queue: PulledQueue, services: WorkerServices, runs: ActorRef<RunsMessage>): ChildSpec {
  return {
    name: `${queue.tenant}.${queue.name}`,
    definition: pullerActor(queue, services, runs),
    restart: 'permanent',
    shutdownMs: pullerStopMs,
    onExhausted: 'quarantine',
    intensity: { maxRestarts: 5, windowMs: 30_000 },
    backoff: { initialMs: 200, maxMs: 10_000, jitter: 0.2 },
  };
}
