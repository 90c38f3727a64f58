/** Suggests commands after the samples have run. They work as printed, with the actual ports. */
import { relative } from 'node:path';
import { defaultAddress } from '../profiles/reach.ts';
import type { SampleRun } from './run-samples.ts';

/** The default address of the `nats` tool. */
const defaultNats = '127.0.0.1:4222';

export interface NextSteps {
  readonly jobId: string;
  readonly resultsDir: string;
  readonly run: SampleRun;
  readonly address: string;
  readonly natsUrl: string;
}

export function nextSteps({ jobId, resultsDir, run, address, natsUrl }: NextSteps): string {
  const { results, wallMs } = run;
  const at = address === defaultAddress ? '' : ` --address ${address}`;
  const server = natsUrl.replace('nats://', '') === defaultNats ? '' : ` --server ${natsUrl}`;
  return [
    `${results.length} sample jobs done in ${(wallMs / 1_000).toFixed(1)} s; their results are in ${relativePath(resultsDir)}/`,
    '',
    'Try next, in another terminal:',
    `  npx troupe get ${jobId}${at}`,
    `  npx troupe submit image.thumbnail --each 'path/to/your/*.jpg' --wait${at}`,
    `  nats sub 'troupe.events.>'${server}        (every change of every job, as CloudEvents)`,
    '',
    'Ctrl-C stops the cluster; its state stays.',
    '',
  ].join('\n');
}

export function relativePath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === '' || short.startsWith('..') ? path : short;
}
