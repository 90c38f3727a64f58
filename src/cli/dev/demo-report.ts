/** The final report of the demo: jobs, attempts and times per handler, and the speed-up by threads. */
import { tableText } from '../text/text-table.ts';
import type { SampleResult, SampleRun } from './run-samples.ts';

export interface DemoReport {
  readonly text: string;
  /** True if every job ended as expected. */
  readonly ok: boolean;
}

export function demoReport(
  run: SampleRun,
  options: { readonly threads: number; readonly aloneMs: number },
): DemoReport {
  const handlers = [...new Set(run.results.map(({ job }) => job.handler))].sort();
  const rows = handlers.map((handler) =>
    rowOf(
      handler,
      run.results.filter(({ job }) => job.handler === handler),
    ),
  );
  const header = ['handler', 'jobs', 'as expected', 'attempts', 'p50', 'p95'];
  const unexpected = run.results.filter(({ sample, job }) => job.state !== sample.expected);
  const seconds = run.wallMs / 1_000;
  const speedUp = options.aloneMs / run.wallMs;
  const lines = [
    tableText(header, rows),
    `${run.results.length} jobs in ${seconds.toFixed(2)} s: ${(run.results.length / seconds).toFixed(1)} jobs/s; `,
    `speed-up ${speedUp.toFixed(2)} on ${options.threads} threads `,
    `(the same jobs one after the other: ${(options.aloneMs / 1_000).toFixed(2)} s)\n`,
    ...unexpected.map(
      ({ sample, job }) => `NOT AS EXPECTED ${sample.label}: ${job.state} ${job.failure?.message ?? ''}\n`,
    ),
  ];
  return { text: lines.join(''), ok: unexpected.length === 0 };
}

function rowOf(handler: string, results: readonly SampleResult[]): string[] {
  const times = results.map(({ job }) => (job.endedAt?.getTime() ?? 0) - job.createdAt.getTime()).sort((a, b) => a - b);
  const attempts = results.reduce((sum, { job }) => sum + job.attempt, 0);
  const expected = results.filter(({ sample, job }) => job.state === sample.expected).length;
  const ms = (share: number): string => `${times[Math.ceil(share * times.length) - 1] ?? 0} ms`;
  return [handler, String(results.length), String(expected), String(attempts), ms(0.5), ms(0.95)];
}
