/** Reads vitest's JSON report of a suite: the number of tests, and file, name and message of each failed test. */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface SuiteReport {
  readonly counts: Counts;
  readonly failures: readonly string[];
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** Failures are printed again at the end, so that the end of a log contains them, cut to this length. */
export const failureMaxLength = 2_000;

export function readReport(file: string, root: string): SuiteReport {
  let report: VitestReport;
  try {
    report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  } catch {
    return { counts: { passed: 0, failed: 0, skipped: 0 }, failures: [] };
  }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = report;
  const counts = { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests + numTodoTests };
  return { counts, failures: failuresOf(report, root) };
}

/** A file that failed outside its tests counts as a failure, too. */
function failuresOf({ testResults }: VitestReport, root: string): readonly string[] {
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed');
    const file = relative(root, name);
    if (failed.length === 0) return status === 'failed' ? [`${file}\n${message.slice(0, failureMaxLength)}`] : [];
    return failed.map(
      (test) => `${file} > ${test.fullName}\n${test.failureMessages.join('\n').slice(0, failureMaxLength)}`,
    );
  });
}
