/**
 * The summary of `npm test`: the failures once more, the times of each step, the failures in short, so that even the
 * last lines of a log say what failed and why, and, as the last line, `N passed, N failed`.
 */
import type { Counts } from './vitest-report.ts';

export interface StepResult extends Counts {
  readonly name: string;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly note?: string;
  readonly failures: readonly string[];
}

export interface WholeRun {
  readonly results: readonly StepResult[];
  readonly wallMs: number;
  readonly cores: number;
  /** Names of the steps that did not run. */
  readonly leftOut: readonly string[];
}

const nameWidth = 20;
/** Characters of a failure's message that the last lines show. */
const messageShown = 400;

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1).padStart(7);
}

/** Waiting is the time in which the step kept less than one core busy, including the wait for a core. */
function lineOf({ name, passed, failed, skipped, wallMs, cpuMs, note }: StepResult): string {
  const counts = [`${passed} passed`, failed > 0 && `${failed} FAILED`, skipped > 0 && `${skipped} skipped`];
  const waitingMs = Math.max(0, wallMs - cpuMs);
  const times = `${seconds(wallMs)} s ${seconds(cpuMs)} s ${seconds(waitingMs)} s`;
  const line = `${name.padEnd(nameWidth)} ${times}  ${counts.filter(Boolean).join(', ')}`;
  return note === undefined ? line : `${line} (${note})`;
}

/** The name of the test, and where its message begins. */
function beginning(failure: string): string {
  const [name = '', ...message] = failure.trimStart().split('\n');
  const said = message.join(' ').replaceAll(/\s+/g, ' ').trim().slice(0, messageShown);
  return said === '' ? name : `${name}\n  ${said}`;
}

export function summaryOf({ results, wallMs, cores, leftOut }: WholeRun): readonly string[] {
  const sum = (key: 'passed' | 'failed' | 'cpuMs'): number => results.reduce((total, result) => total + result[key], 0);
  const share = Math.round((100 * sum('cpuMs')) / (wallMs * cores));
  return [
    ...results.flatMap(({ name, failures }) => failures.map((failure) => `\n── FAILED in ${name}: ${failure}`)),
    '\n── summary',
    `${''.padEnd(nameWidth)} ${'clock'.padStart(9)} ${'CPU'.padStart(9)} ${'waiting'.padStart(9)}`,
    ...results.map(lineOf),
    ...(leftOut.length > 0 ? [`left out: ${leftOut.join(', ')} (they need Java and Maven)`] : []),
    ...results.flatMap(({ name, failures }) => failures.map((failure) => `FAILED in ${name}: ${beginning(failure)}`)),
    `${(wallMs / 1_000).toFixed(0)} s in all, ${(sum('cpuMs') / 1_000).toFixed(0)} s of CPU: ${share} % of ${cores} cores`,
    `${sum('passed')} passed, ${sum('failed')} failed`,
  ];
}
