/**
 * The runs of a node. Each goes claiming → fetching → handed → running → reporting and is then forgotten. A run is never
 * restarted here: whether a job is tried again is the shard's decision.
 *
 * The actor creates its parts in one order and gives each the ones before it. A message goes to the one part that deals
 * with it.
 */
import type { ActorContext, ActorDefinition, Behavior } from '../../kernel/actor.ts';
import { AttemptCheckpoints } from './attempt-checkpoints.ts';
import { AttemptHeartbeats } from './attempt-heartbeats.ts';
import { AttemptLogs } from './attempt-logs.ts';
import { AttemptReports } from './attempt-reports.ts';
import { AttemptStarts } from './attempt-starts.ts';
import { AttemptStops } from './attempt-stops.ts';
import { AttemptTable } from './attempt-table.ts';
import { type AttemptsMessage, handle, type MessageHandlers } from './attempts-message.ts';
import { HeldSlots } from './held-slots.ts';
import { KeyWaits } from './key-wait.ts';
import { WorkClaims } from './work-claims.ts';
import type { WorkerServices } from './worker-services.ts';

/** A few messages per run may wait at once, and the pool is bounded far below this number. */
const mailboxCapacity = 65_536;

export function attemptsActor(services: WorkerServices): ActorDefinition<AttemptsMessage> {
  return { kind: 'runs', mailboxCapacity, start: (context) => startAttempts(services, context) };
}

function startAttempts(services: WorkerServices, context: ActorContext<AttemptsMessage>): Behavior<AttemptsMessage> {
  const held = { heldSlots: new HeldSlots(services.slots), keyWaits: new KeyWaits() };
  const parts = { services, context, runs: new AttemptTable(), ...held };
  const logs = new AttemptLogs(parts);
  const reports = new AttemptReports({ ...parts, logs });
  const checkpoints = new AttemptCheckpoints({ ...parts, reports });
  const stops = new AttemptStops({ ...parts, reports });
  const heartbeats = new AttemptHeartbeats({ ...parts, stops });
  const starts = new AttemptStarts({ ...parts, reports, stops });
  const claims = new WorkClaims({ ...parts, starts });

  const handlers: MessageHandlers = {
    deliver: ({ deliveries }) => claims.take(deliveries),
    'claim-answered': ({ delivery, outcome }) => claims.answered(delivery, outcome),
    'work-moved': ({ ackTo, outcome }) => claims.moved(ackTo, outcome),
    'payloads-fetched': ({ run, outcome }) => starts.fetched(run, outcome),
    'keys-away': ({ run }) => starts.keysAway(run),
    started: ({ runId }) => starts.started(runId),
    progress: (message) => heartbeats.progressed(message),
    checkpoint: (message) => checkpoints.offered(message),
    log: (message) => logs.added(message),
    ended: (message) => reports.ended(message),
    'checkpoint-answered': ({ run, checkpoint, outcome }) => checkpoints.answered(run, checkpoint, outcome),
    'checkpoint-retry-due': ({ run, checkpoint }) => checkpoints.retry(run, checkpoint),
    'logs-due': () => logs.shipAll(),
    'log-answered': ({ run, outcome }) => logs.answered(run, outcome),
    'report-due': ({ runId }) => reports.report(runId),
    'report-answered': ({ run, outcome }) => reports.answered(run, outcome),
    'heartbeat-due': () => heartbeats.beat(),
    'heartbeat-answered': ({ outcome }) => heartbeats.answered(outcome),
    'stop-run': ({ runId, why }) => stops.stop(runId, why),
    'stop-all': () => stops.stopAll(),
    drain: ({ done }) => stops.drain(done),
  };

  return {
    receive(message) {
      handle(handlers, message);
      stops.tellIfDrained();
    },
    onStop() {
      parts.heldSlots.stop();
      stops.abandon();
      reports.stop();
    },
  };
}
