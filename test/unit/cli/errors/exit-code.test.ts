// Each exit code has one meaning: no two names share a code, and only processes of the cluster ask to be started again.
import { describe, expect, it } from 'vitest';
import { TroupeClientError } from '../../../../src/client/index.ts';
import { exitCodeHelp, exitCodeOf, exitCodes, exitMeanings, UsageError } from '../../../../src/cli/errors/exit-code.ts';
import { exitCodesDocument } from '../../../../src/cli/errors/exit-codes-document.ts';
import { ConfigError } from '../../../../src/config/index.ts';
import { type ErrorCode, errorRegistry, TroupeError } from '../../../../src/domain/errors.ts';

const errorCodes = Object.keys(errorRegistry) as ErrorCode[];

describe('exit codes', () => {
  it('are all different, and told in the help and on their page', () => {
    const codes = Object.values(exitCodes);
    expect(new Set(codes).size).toBe(codes.length);
    for (const [name, code] of Object.entries(exitCodes)) {
      const meaning = exitMeanings[name as keyof typeof exitCodes];
      expect(exitCodeHelp).toContain(`  ${String(code).padEnd(5)}${meaning}\n`);
      expect(exitCodesDocument()).toContain(`| ${code} | ${meaning} |`);
    }
  });

  it.each(errorCodes)('of %s is the same from a cluster and from this machine, and never "start me again"', (code) => {
    const there = new TroupeClientError({
      code,
      message: '',
      status: 'INTERNAL',
      retryable: false,
      outcome: 'none',
      metadata: {},
      violations: [],
    });
    const exitCode = exitCodeOf(there);
    expect(exitCodeOf(new TroupeError(code))).toBe(exitCode);
    expect([exitCodes.ok, exitCodes.jobFailed, exitCodes.startAgain]).not.toContain(exitCode);
  });

  it('of a bug is that of an internal error, of a mistake that of usage', () => {
    expect(exitCodeOf(new TypeError('x is undefined'))).toBe(exitCodes.internal);
    expect(exitCodeOf(new UsageError('no'))).toBe(exitCodes.usage);
    expect(exitCodeOf(new ConfigError([]))).toBe(exitCodes.usage);
  });
});
