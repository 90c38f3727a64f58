/** Reports a failed seed: the broken promises, the command that replays it, and the end of its trace. */
import { simulate, type SimulateOptions, type Verdict } from './simulation.ts';

/** Lines of the trace that a report shows: the last ones before the first finding, and the faults before them. */
const shownLines = 60;

export function replayCommand(seed: number): string {
  return `npm run simulate -- --seed ${seed}`;
}

export interface Replay {
  readonly verdict: Verdict;
  readonly trace: readonly string[];
}

export async function replay(seed: number, options: Omit<SimulateOptions, 'trace'> = {}): Promise<Replay> {
  const trace: string[] = [];
  const verdict = await simulate(seed, { ...options, trace: (line) => void trace.push(line) });
  return { verdict, trace };
}

export async function report(failed: Verdict): Promise<string> {
  const { verdict, trace } = await replay(failed.seed);
  const found = trace.findIndex((line) => line.includes('  CHECK '));
  const end = found < 0 ? trace.length : found + 1;
  const faults = trace.slice(0, Math.max(0, end - shownLines)).filter((line) => / {2}(FAULT|seed) /.test(line));
  const isSame = JSON.stringify(verdict) === JSON.stringify(failed);
  return [
    `seed ${failed.seed} broke what was promised; to see it again: ${replayCommand(failed.seed)}`,
    ...failed.violations,
    ...(isSame ? [] : ['the replay went another way: something in the run does not come from the seed']),
    ...faults,
    ...trace.slice(Math.max(0, end - shownLines), end),
  ].join('\n');
}
