/** The figures of queues together with their limits. */
import { someAtOnce } from '../../domain/some-at-once.ts';
import { given } from '../../domain/given.ts';
import type { Queue } from '../../domain/queue.ts';
import { type SurveyRow, waitingIn } from '../../domain/queue-survey.ts';
import type { Clock } from '../ports/runtime.ts';
import type { QueueCatalog } from '../queues/queue-catalog.ts';

export interface QueueFigures {
  readonly row: SurveyRow;
  /** QUEUED jobs of all priorities. */
  readonly waiting: number;
  /** Somebody has paused the queue or its tenant. */
  readonly isPaused: boolean;
  readonly isQuarantined: boolean;
  readonly maxDepth?: number;
  readonly maxRunning?: number;
}

export interface LimitsParts {
  readonly catalog: Pick<QueueCatalog, 'known' | 'find'>;
  readonly clock: Clock;
}

/** Queues whose settings are read from the store at a time. */
const readsMax = 16;
/** Nobody waits longer for settings. Without them a queue is shown without its limits. */
const patienceMs = 300;

/** The settings of the queues, as far as they are known in time. */
export async function settingsOf(
  { catalog, clock }: LimitsParts,
  tenant: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, Queue>> {
  const found = new Map<string, Queue>();
  const missing = names.filter((name) => {
    const known = catalog.known(tenant, name);
    if (known !== undefined) found.set(name, known);
    return known === undefined;
  });
  if (missing.length === 0) return found;
  let isLate = false;
  const read = someAtOnce(missing, readsMax, async (name) => {
    const queue = isLate ? undefined : await catalog.find(tenant, name).catch(() => undefined);
    if (queue !== undefined && !isLate) found.set(name, queue);
  });
  await new Promise<void>((resolve) => {
    const over = (): void => {
      isLate = true;
      resolve();
    };
    const cancel = clock.setTimer(patienceMs, over);
    void read.then(() => {
      cancel();
      over();
    });
  });
  return found;
}

export function figuresOf(row: SurveyRow, queue: Queue | undefined, isQuarantined: boolean): QueueFigures {
  const { maxDepth, flow } = queue?.settings ?? {};
  return {
    row,
    waiting: waitingIn(row),
    // A shard counts what is paused only while something waits.
    isPaused: row.pausedWaiting > 0 || flow?.paused === true,
    isQuarantined,
    ...given({ maxDepth, maxRunning: flow?.maxRunning }),
  };
}
