/**
 * W4: jobs arrive at a fixed rate, whatever the system does. Times count from the instant a job was due, not from its
 * submit, so a stalled system or generator cannot hide. All clocks are those of this machine: the generator observes
 * acknowledgement and event, and the handler reports the start.
 */
import { inFlight, type Percentiles, percentilesOf } from '../harness/statistics.ts';
import { serveTask } from '../harness/task.ts';
import { EventTally } from './event-tally.ts';
import { clockMs, paced } from './paced-load.ts';
import { benchQueue, inSession, payload, type Session, type Target } from './session.ts';

export interface OpenLoopInput extends Target {
  readonly perSecond: number;
  readonly seconds: number;
}

/** Times since the job was due, in ms. */
export interface OpenLoopResult {
  readonly sent: Percentiles;
  readonly acknowledged: Percentiles;
  readonly started: Percentiles;
  readonly completed: Percentiles;
}

interface Times {
  readonly sent: number[];
  readonly acknowledged: number[];
  readonly completed: Map<string, number>;
  readonly ids: string[];
}

const settleTimeoutMs = 60_000;
const getsInFlight = 16;

async function run(input: OpenLoopInput): Promise<OpenLoopResult> {
  return inSession(input, async (session) => {
    const warmUp = Math.min(input.perSecond * 2, 400);
    await drive(session, input.perSecond, warmUp);
    return drive(session, input.perSecond, input.perSecond * input.seconds);
  });
}

async function drive(session: Session, perSecond: number, count: number): Promise<OpenLoopResult> {
  const times: Times = { sent: [], acknowledged: [], completed: new Map(), ids: [] };
  const due: number[] = [];
  const recorded = new EventTally({
    connection: session.nats,
    tenant: session.tenant,
    queue: benchQueue,
    event: 'succeeded',
    onJob: (jobId) => times.completed.set(jobId, clockMs()),
  });
  await session.nats.flush();
  await paced(perSecond, count, async (index, dueMs) => {
    due[index] = dueMs;
    times.sent[index] = clockMs() - dueMs;
    const { jobId } = await session.client.submit('bench.noop', payload, { queue: benchQueue });
    times.acknowledged[index] = clockMs() - dueMs;
    times.ids[index] = jobId;
  });
  await recorded.reached(count, settleTimeoutMs);
  recorded.close();

  const started: number[] = [];
  await inFlight(count, getsInFlight, async (index) => {
    const { output, state } = await session.client.get(times.ids[index] ?? '');
    if (typeof output !== 'number') throw new Error(`job ${String(times.ids[index])} is ${state} without its start`);
    started[index] = output - (due[index] ?? Number.NaN);
  });
  return {
    sent: percentilesOf(times.sent),
    acknowledged: percentilesOf(times.acknowledged),
    started: percentilesOf(started),
    completed: percentilesOf(
      times.ids.map((id, index) => (times.completed.get(id) ?? Number.NaN) - (due[index] ?? Number.NaN)),
    ),
  };
}

serveTask(run);
