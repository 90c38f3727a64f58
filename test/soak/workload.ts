/** The jobs of a soak: the n-th is the same in every run, and so is the end that it may have. */
import { type JobDraft, type JobInfo, type TroupeClient, TroupeClientError } from '../../src/client/index.ts';

interface Kind {
  readonly name: string;
  /** Of a hundred jobs. */
  readonly share: number;
  readonly ends: readonly JobInfo['state'][];
  draft(n: number): Partial<JobDraft> & { readonly input?: object };
}

const kinds: readonly Kind[] = [
  { name: 'plain', share: 60, ends: ['SUCCEEDED'], draft: (n) => ({ priority: n % 5 }) },
  {
    name: 'claim check',
    share: 8,
    ends: ['SUCCEEDED'],
    draft: (n) => ({ input: { text: `${n} `.repeat(900) } }),
  },
  {
    name: 'delayed',
    share: 8,
    ends: ['SUCCEEDED'],
    draft: (n) => ({ runAt: new Date(Date.now() + 500 + (n % 7) * 500) }),
  },
  {
    name: 'retried',
    share: 8,
    ends: ['SUCCEEDED'],
    draft: () => ({
      input: { failures: 1 },
      retry: { maxAttempts: 10, initialDelayMs: 100, coefficient: 2, maxDelayMs: 1_000 },
    }),
  },
  { name: 'rejected', share: 4, ends: ['FAILED'], draft: () => ({ input: { rejects: true } }) },
  {
    name: 'cancelled',
    share: 4,
    // The bound on the attempt ends it when the call to cancel it could not be made in time.
    ends: ['CANCELLED', 'FAILED'],
    draft: () => ({ input: { holds: true }, executionTimeoutMs: 20_000, retry: { maxAttempts: 1 } }),
  },
  { name: 'one at a time', share: 4, ends: ['SUCCEEDED'], draft: (n) => ({ concurrencyKey: `lane ${n % 3}` }) },
  {
    name: 'unique',
    share: 4,
    ends: ['SUCCEEDED'],
    draft: (n) => ({ uniqueKey: `unique ${n % 50}`, onConflict: 'return-existing' }),
  },
];

/** A walk over all kinds in which neighbours differ: 37 and 100 have no common divisor. */
function kindOf(n: number): Kind {
  let place = (n * 37) % 100;
  for (const kind of kinds) {
    if (place < kind.share) return kind;
    place -= kind.share;
  }
  throw new Error('the shares of the kinds make a hundred');
}

export function draftOf(n: number, ledger: string): JobDraft {
  const { input, ...more } = kindOf(n).draft(n);
  return { handler: 'soak.work', input: { n, ledger, ...input }, ...more };
}

/** What is wrong with the end of a job, in words. */
export function wrongEnd(n: number, job: JobInfo): string | undefined {
  const { name, ends } = kindOf(n);
  if (!ends.includes(job.state))
    return `${job.id} (${name}) ended as ${job.state}: ${job.failure?.reason ?? ''} ${job.failure?.message ?? ''}`;
  // A job that another one with the same unique key answered for has that one's result.
  if (job.state !== 'SUCCEEDED' || name === 'unique') return undefined;
  const { square } = job.output as { readonly square: number };
  return square === n * n ? undefined : `${job.id} (${name}) has ${square} for the result of ${n}`;
}

/** After a job was accepted: some are cancelled, by a caller who asks until he is answered. */
export async function afterAccept(client: TroupeClient, jobId: string, n: number): Promise<void> {
  if (kindOf(n).name !== 'cancelled') return;
  try {
    await client.cancel(jobId, 'as a soak does', { timeoutMs: 15_000 });
  } catch (error) {
    if (!(error instanceof TroupeClientError)) throw error;
  }
}
