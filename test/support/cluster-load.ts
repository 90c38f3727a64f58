/**
 * A steady load of keyed jobs that records what it sees. Each submit is repeated under its key until it is answered, as
 * a careful caller would do. Errors in between must be retryable.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type JobDraft, type JobInfo, type TroupeClient, TroupeClientError } from '../../src/client/index.ts';
import type { History } from './cluster-history.ts';

export interface LoadOptions {
  readonly clients: readonly TroupeClient[];
  readonly history: History;
  readonly draft: (n: number) => JobDraft;
  /** Concurrent callers, each with one submit in progress. */
  readonly lanes: number;
  /** Pause between two submits of one caller, in ms. */
  readonly gapMs: number;
  /** Every nth job is watched to its end. Default: none. */
  readonly watchEvery?: number;
  /** Called after a job is accepted, with the client that submitted it. */
  readonly afterAccept?: (client: TroupeClient, jobId: string, n: number) => Promise<void>;
  /** How long a caller repeats one submit before it records a surprise, in ms. Default 60,000. */
  readonly patienceMs?: number;
}

export interface Load {
  readonly accepted: number;
  /** Error codes of submits that were repeated, with their counts. */
  readonly refusals: ReadonlyMap<string, number>;
  /** Errors that a caller must not see. */
  readonly surprises: readonly string[];
  /** Stops submitting. Resolves when every submit in progress is answered. */
  stop(): Promise<void>;
  /** Waits until every accepted job has ended, and reads it through each client. */
  settle(readers: readonly TroupeClient[], withinMs: number): Promise<readonly JobInfo[]>;
}

const usualPatienceMs = 60_000;
/** Jobs that are read concurrently after the load. */
const readersMax = 16;
const retryGapMs = 100;

export function startLoad(options: LoadOptions): Load {
  const { clients, history } = options;
  const refusals = new Map<string, number>();
  const surprises: string[] = [];
  const ids: string[] = [];
  const watches: Promise<void>[] = [];
  let running = true;
  let count = 0;

  async function submitOne(n: number): Promise<void> {
    const key = `job-${n}`;
    // Once per job: a repeated key must come with the same content, and times count as content.
    const draft = options.draft(n);
    const endMs = performance.now() + (options.patienceMs ?? usualPatienceMs);
    for (let turn = n; ; turn += 1) {
      const client = clients[turn % clients.length] as TroupeClient;
      try {
        const { jobId } = await client.submit(draft.handler, draft.input, {
          ...draft,
          idempotencyKey: key,
          timeoutMs: 5_000,
        });
        history.accepted(jobId, key);
        ids.push(jobId);
        if (options.watchEvery !== undefined && n % options.watchEvery === 0) watches.push(follow(client, jobId));
        await options.afterAccept?.(client, jobId, n);
        return;
      } catch (error) {
        const code = error instanceof TroupeClientError ? error.code : String(error);
        refusals.set(code, (refusals.get(code) ?? 0) + 1);
        const repeatable = error instanceof TroupeClientError && (error.retryable || error.status === 'UNAVAILABLE');
        if (!repeatable || performance.now() > endMs) {
          surprises.push(`${key}: ${code}: ${String(error)}`);
          return;
        }
        await pause(retryGapMs);
      }
    }
  }

  async function follow(client: TroupeClient, jobId: string): Promise<void> {
    try {
      for await (const { job } of client.watch(jobId)) history.saw('watch', job);
    } catch (error) {
      // The gateway was killed. If the watch completes instead, it has shown the end of the job.
      if (!(error instanceof TroupeClientError)) surprises.push(`watch of ${jobId}: ${String(error)}`);
    }
  }

  async function lane(): Promise<void> {
    while (running) {
      count += 1;
      await submitOne(count);
      await pause(options.gapMs);
    }
  }

  const lanes = Array.from({ length: options.lanes }, lane);

  async function settle(readers: readonly TroupeClient[], withinMs: number): Promise<readonly JobInfo[]> {
    const ended: JobInfo[] = [];
    const [first] = readers;
    if (first === undefined) throw new Error('nobody to ask');
    await forEach(ids, async (jobId) => {
      const job = await first.wait(jobId, { signal: AbortSignal.timeout(withinMs) }).catch(async (error: unknown) => {
        const now = await first.get(jobId);
        throw new Error(`${jobId} is ${now.state} after ${withinMs} ms: ${JSON.stringify(now.history)}`, {
          cause: error,
        });
      });
      history.saw('get', job);
      ended.push(job);
    });
    for (const reader of readers) await forEach(ids, async (jobId) => history.saw('final', await reader.get(jobId)));
    await Promise.all(watches);
    return ended;
  }

  return {
    get accepted() {
      return ids.length;
    },
    refusals,
    surprises,
    async stop() {
      running = false;
      await Promise.all(lanes);
    },
    settle,
  };
}

async function forEach(ids: readonly string[], visit: (id: string) => Promise<void>): Promise<void> {
  const waiting = ids.values();
  const lane = async (): Promise<void> => {
    for (const id of waiting) await visit(id);
  };
  await Promise.all(Array.from({ length: readersMax }, lane));
}
