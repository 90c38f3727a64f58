// A new job option cannot be forgotten: with one more field in a type, every place that has to name it fails to compile.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { root } from '../../scripts/test/steps.ts';

const { options } = ts.parseJsonConfigFileContent(
  ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path)).config,
  ts.sys,
  root,
);
const rootNames = [
  'application/jobs/submit-jobs.ts',
  'application/jobs/retry-job.ts',
  'cli/calls/submit-jobs.ts',
  'client/job-mapper.ts',
  'client/job-requests.ts',
  'gateway/job-mapper.ts',
].map((name) => join(root, 'src', name));
const parsed = new Map<string, ts.SourceFile | undefined>();

/** The files of src that no longer compile when the interface has one more field. */
function brokenBy(file: string, type: string, field: string): readonly string[] {
  const changed = join(root, 'src', file);
  const head = new RegExp(`^export interface ${type} .*\\{$`, 'm');
  const text = readFileSync(changed, 'utf8').replace(head, `$&\n  ${field}`);
  expect(text).toContain(field);
  const host = ts.createCompilerHost(options);
  const { getSourceFile } = host;
  host.getSourceFile = (path, target) => {
    if (path === changed) return ts.createSourceFile(path, text, target);
    if (!parsed.has(path)) parsed.set(path, getSourceFile(path, target));
    return parsed.get(path);
  };
  const program = ts.createProgram({ rootNames, options: { ...options, noEmit: true, incremental: false }, host });
  const broken = program
    .getSourceFiles()
    .filter(({ fileName }) => fileName.startsWith(join(root, 'src')))
    .filter((source) => program.getSemanticDiagnostics(source).length > 0);
  return broken.map(({ fileName }) => relative(join(root, 'src'), fileName)).sort();
}

describe('one more job option', () => {
  it('in what a caller requests has to be mapped, digested and repeated', () => {
    expect(brokenBy('application/jobs/job-request.ts', 'JobRequest', 'readonly extra: number | undefined;')).toEqual([
      'application/jobs/job-fingerprint.ts',
      'application/jobs/job-request.ts',
      'application/jobs/retry-job.ts',
      'gateway/job-mapper.ts',
    ]);
  });

  it('in what is stored has to be filled in', () => {
    expect(brokenBy('domain/job.ts', 'JobSpec', 'readonly extra?: number;')).toEqual([
      'application/jobs/job-resolution.ts',
    ]);
  });

  it('in the retry policy has to be merged, mapped both ways, digested and repeated', () => {
    expect(brokenBy('domain/job.ts', 'RetryPolicy', 'readonly extra?: number;')).toEqual([
      'application/jobs/job-fingerprint.ts',
      'application/jobs/job-request.ts',
      'application/jobs/retry-job.ts',
      'application/queues/settings-checks.ts',
      'gateway/retry-mapper.ts',
    ]);
  });

  it('in the contract has to be sent by the client, and shown by the gateway', () => {
    expect(brokenBy('contract/shared-messages.ts', 'JobSpec', 'readonly extra: number | null;')).toEqual([
      'client/job-requests.ts',
      'gateway/job-mapper.ts',
    ]);
    expect(brokenBy('contract/shared-messages.ts', 'RetryPolicy', 'readonly extra: number | null;')).toEqual([
      'client/job-requests.ts',
      'gateway/retry-mapper.ts',
    ]);
  });

  it('in the client has to be set by the CLI, and in what it shows to be read', () => {
    expect(brokenBy('client/job-types.ts', 'JobDraft', 'readonly extra?: number;')).toEqual([
      'cli/calls/submit-jobs.ts',
    ]);
    expect(brokenBy('client/job-types.ts', 'JobInfo', 'readonly extra?: number;')).toEqual(['client/job-mapper.ts']);
    expect(brokenBy('client/job-types.ts', 'RetryInfo', 'readonly extra?: number;')).toEqual(['client/job-mapper.ts']);
  });
});
