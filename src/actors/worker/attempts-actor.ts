/**
 * The runs of a node. Each goes claiming → fetching → handed → running → reporting and is then forgotten:
 * a run is a temporary thing, never restarted here; retries are the shard's decision.
 *
 * Every run that was granted is named in each heartbeat until a shard has taken its outcome, so a new owner of the
 * shard neither gives it to someone else nor forgets it.
 */
import type { ActorContext, ActorDefinition, Behavior } from '../../kernel/actor.ts';
import { AttemptRegistry } from './attempt-registry.ts';
import type { AttemptsMessage } from './attempts-message.ts';
import type { WorkerServices } from './worker-services.ts';

/** One message per run and phase may wait, and the pool is bounded far below this. */
const mailboxCapacity = 65_536;

export function attemptsActor(services: WorkerServices): ActorDefinition<AttemptsMessage> {
  return {
    kind: 'runs',
    mailboxCapacity,
    start: (context) => startAttempts(services, context),
  };
}

function startAttempts(services: WorkerServices, context: ActorContext<AttemptsMessage>): Behavior<AttemptsMessage> {
  const registry = new AttemptRegistry(services, context);
  const { heartbeatMs } = services.limits;
  context.setTimer('beat', heartbeatMs, { kind: 'beat' });
  return {
    receive(message) {
      switch (message.kind) {
        case 'deliver':
          registry.deliver(message.deliveries);
          break;
        case 'started':
        case 'progress':
        case 'checkpoint':
        case 'log':
        case 'ended':
          registry.onRunEvent(message);
          break;
        case 'stop-run':
          registry.stopRun(message.runId, message.why);
          break;
        case 'report':
          registry.report(message.runId);
          break;
        case 'continue':
          message.run();
          break;
        case 'beat':
          registry.beat();
          context.setTimer('beat', heartbeatMs, { kind: 'beat' });
          break;
        case 'drain':
          registry.drain(message.done);
          break;
        case 'stop-all':
          registry.stopAll();
          break;
      }
    },
    onStop() {
      registry.stop();
    },
  };
}
