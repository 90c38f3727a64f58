/**
 * Steady load of keyed jobs that records what it sees. Every submit is repeated under its key until it is answered, as a
 * careful caller would; what it answered in between must be of the kind that may be repeated.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type JobDraft, type JobInfo, type TroupeClient, TroupeClientError } from '../../src/client/index.ts';
import type { History } from './cluster-history.ts';

export interface LoadOptions {
  readonly clients: readonly TroupeClient[];
  readonly history: History;
  readonly draft: (n: number) => JobDraft;
  /** Callers, each with one submit under way. */
  readonly lanes: number;
  /** Between two submits of one caller. */
  readonly gapMs: number;
  /** Every so many jobs are watched to their end. */
  readonly watchEvery?: number;
  /** Once a job is accepted, by the client that submitted it. */
  readonly afterAccept?: (client: TroupeClient, jobId: string, n: number) => Promise<void>;
  /** How long a caller repeats one submit before he calls it a surprise. Default: a minute. */
  readonly patienceMs?: number;
}

export interface Load {
  readonly accepted: number;
  /** Codes of refusals that were repeated, by how often. */
  readonly refusals: ReadonlyMap<string, number>;
  /** Errors that a caller should not have seen. */
  readonly surprises: readonly string[];
  /** No new jobs; resolves when every submit under way is answered. */
  stop(): Promise<void>;
  /** Waits for the end of every accepted job and reads it through each client. */
  settle(readers: readonly TroupeClient[], withinMs: number): Promise<readonly JobInfo[]>;
}

const usualPatienceMs = 60_000;
/** Jobs read at once when all is over. */
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
    // Once: the same key must come with the same content, times included.
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
      // Its gateway was killed; a watch that ended well has said the end.
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
    const signal = AbortSignal.timeout(withinMs);
    const ended: JobInfo[] = [];
    const [first] = readers;
    if (first === undefined) throw new Error('nobody to ask');
    await forEach(ids, async (jobId) => {
      const job = await first.wait(jobId, { signal }).catch(async (error: unknown) => {
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
