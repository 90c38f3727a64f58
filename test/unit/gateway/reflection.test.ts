/** What reflection hands out is what buf makes of the .proto files, whole: each file by its name, with all it imports. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type FileDescriptor, loadDescriptors, readFileDescriptor } from '../../../src/contract/descriptors.ts';
import { protoDir } from '../../../src/contract/root.ts';
import { answer } from '../../../src/gateway/reflection.ts';
import type { ReflectionRequest } from '../../../src/contract/reflection.ts';

const descriptors = loadDescriptors();

const ask = (request: Omit<ReflectionRequest, 'host'>) => answer(descriptors, { host: '', ...request });

function filesOf(request: Omit<ReflectionRequest, 'host'>): readonly FileDescriptor[] {
  const files = ask(request).fileDescriptorResponse?.fileDescriptorProto ?? [];
  return files.map(readFileDescriptor);
}

describe('the descriptors', () => {
  it('are in step with the .proto files', () => {
    const folder = mkdtempSync(join(tmpdir(), 'troupe-descriptors-'));
    const path = join(folder, 'descriptors.binpb');
    execFileSync(process.execPath, ['scripts/proto-descriptors.mjs', path]);
    const inStep = readFileSync(path).equals(readFileSync(`${protoDir}descriptors.binpb`));
    rmSync(folder, { recursive: true });
    expect(inStep, 'run `npm run proto:descriptors`').toBe(true);
  });

  it.each([
    ['a service', 'troupe.v1.Jobs', 'troupe/v1/jobs.proto'],
    ['a method', 'troupe.v1.Jobs.SubmitJob', 'troupe/v1/jobs.proto'],
    ['a message', 'troupe.v1.JobSpec', 'troupe/v1/job.proto'],
    ['a field', 'troupe.v1.JobSpec.handler', 'troupe/v1/job.proto'],
    ['an enum', 'troupe.v1.JobState', 'troupe/v1/job.proto'],
    ['a word of an enum', 'troupe.v1.JOB_STATE_QUEUED', 'troupe/v1/job.proto'],
    ['what the contract imports', 'google.rpc.Status', 'google/rpc/status.proto'],
    ['a message in a message', 'grpc.health.v1.HealthCheckResponse.ServingStatus', 'grpc/health/v1/health.proto'],
  ])('have %s', (_what, fileContainingSymbol, file) => {
    const files = filesOf({ messageRequest: 'fileContainingSymbol', fileContainingSymbol });
    expect(files[0]?.name).toBe(file);
    const names = files.map(({ name }) => name);
    expect(files.flatMap(({ dependency }) => dependency).filter((name) => !names.includes(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
  });

  it('have every file by its name', () => {
    for (const fileByFilename of ['troupe/v1/job.proto', 'google/protobuf/duration.proto', 'google/rpc/status.proto']) {
      expect(filesOf({ messageRequest: 'fileByFilename', fileByFilename })[0]?.name).toBe(fileByFilename);
    }
  });

  it('have the option that says what methods need, by its name, its number and what it extends', () => {
    const type = 'google.protobuf.MethodOptions';
    const { extensionNumber = [] } =
      ask({ messageRequest: 'allExtensionNumbersOfType', allExtensionNumbersOfType: type })
        .allExtensionNumbersResponse ?? {};
    expect(extensionNumber).toEqual([50_817]);
    for (const request of [
      { messageRequest: 'fileContainingSymbol', fileContainingSymbol: 'troupe.v1.access' },
      {
        messageRequest: 'fileContainingExtension',
        fileContainingExtension: { containingType: type, extensionNumber: 50_817 },
      },
    ] as const) {
      expect(filesOf(request)[0]?.name).toBe('troupe/v1/method_access.proto');
    }
  });

  it('say in words what they have not', () => {
    const missing = { errorCode: 5 };
    for (const name of ['troupe.v1.Nope', '', 'constructor', '__proto__']) {
      expect(ask({ messageRequest: 'fileContainingSymbol', fileContainingSymbol: name }).errorResponse).toMatchObject(
        missing,
      );
      expect(ask({ messageRequest: 'fileByFilename', fileByFilename: name }).errorResponse).toMatchObject(missing);
    }
    const extension = { containingType: 'troupe.v1.Job', extensionNumber: 1 };
    expect(
      ask({ messageRequest: 'fileContainingExtension', fileContainingExtension: extension }).errorResponse,
    ).toMatchObject(missing);
    expect(ask({}).errorResponse).toMatchObject({ errorCode: 3 });
  });
});
