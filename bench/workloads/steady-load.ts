/** Offers no-op jobs at a fixed rate, and waits until all are recorded. */
import { serveTask } from '../harness/task.ts';
import { EventTally } from './event-tally.ts';
import { paced } from './paced-load.ts';
import { benchQueue, inSession, payload, type Target } from './session.ts';

export interface SteadyLoadInput extends Target {
  readonly perSecond: number;
  readonly seconds: number;
}

const settleTimeoutMs = 60_000;

async function run(input: SteadyLoadInput): Promise<number> {
  const { perSecond, seconds } = input;
  const count = perSecond * seconds;
  await inSession(input, async ({ client, nats }) => {
    const recorded = new EventTally({ connection: nats, queue: benchQueue, event: 'succeeded' });
    await nats.flush();
    await paced(perSecond, count, async () => {
      await client.submit('bench.noop', payload, { queue: benchQueue });
    });
    await recorded.reached(count, settleTimeoutMs);
    recorded.close();
  });
  return count;
}

serveTask(run);
