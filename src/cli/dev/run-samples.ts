/** Submits the samples through the gateway like any client, follows them, and writes their results to files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobInfo, SubmitOutcome, TroupeClient } from '../../client/index.ts';
import { ProgressBars, type ProgressRow } from '../text/progress-bars.ts';
import type { Terminal } from '../text/terminal.ts';
import type { Sample } from './samples.ts';

export interface SampleResult {
  readonly sample: Sample;
  readonly job: JobInfo;
}

export interface SampleRun {
  readonly results: readonly SampleResult[];
  /** Time from the first submit to the last end, in ms. */
  readonly wallMs: number;
}

export async function runSamples(
  client: TroupeClient,
  samples: readonly Sample[],
  options: { readonly resultsDir: string; readonly terminal: Terminal; readonly signal: AbortSignal },
): Promise<SampleRun> {
  const beganMs = performance.now();
  const outcomes = await client.submitMany(samples.map(({ draft }) => draft));
  const bars = new ProgressBars(options.terminal);
  const rows = new Map<Sample, ProgressRow>(samples.map((sample) => [sample, { label: sample.label, note: 'QUEUED' }]));
  const show = (): void => {
    bars.show([...rows.values()]);
  };
  mkdirSync(options.resultsDir, { recursive: true });
  try {
    const results = await Promise.all(
      samples.map(async (sample, i): Promise<SampleResult> => {
        const outcome = outcomes[i];
        const job = await follow(client, accepted(outcome), options.signal, (row) => {
          rows.set(sample, { label: sample.label, ...row });
          show();
        });
        const done = await client.get(job.id);
        writeResult(options.resultsDir, done);
        return { sample, job: done };
      }),
    );
    return { results, wallMs: performance.now() - beganMs };
  } finally {
    bars.clear();
  }
}

function accepted(outcome: SubmitOutcome | undefined): string {
  if (outcome !== undefined && 'ok' in outcome) return outcome.ok.jobId;
  throw new Error('a sample was not accepted', { cause: outcome?.error });
}

async function follow(
  client: TroupeClient,
  jobId: string,
  signal: AbortSignal,
  show: (row: Omit<ProgressRow, 'label'>) => void,
): Promise<JobInfo> {
  for await (const { job } of client.watch(jobId, { signal })) {
    show({ fraction: job.final ? 1 : (job.progress?.fraction ?? 0), note: job.progress?.note ?? job.state });
    if (job.final) return job;
  }
  throw new Error(`the watch of ${jobId} ended before the job did`);
}

function writeResult(dir: string, job: JobInfo): void {
  const { output } = job;
  if (output === undefined || output === null) return;
  if (output instanceof Uint8Array) writeFileSync(join(dir, `${job.id}.${imageExtension(output)}`), output);
  else writeFileSync(join(dir, `${job.id}.json`), `${JSON.stringify(output, undefined, 2)}\n`);
}

/** Decides by the first byte: results of the samples are PNG or JPEG. */
function imageExtension(bytes: Uint8Array): string {
  return bytes[0] === 0x89 ? 'png' : bytes[0] === 0xff ? 'jpg' : 'bin';
}
