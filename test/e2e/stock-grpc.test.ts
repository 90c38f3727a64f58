/**
 * gRPC clients that nobody here wrote, with nothing but the address: grpcurl (Go), grpcio (Python) and `buf curl` learn the
 * contract by reflection, and use it. Go and Python refuse descriptors that are not whole, and text that is not UTF-8.
 * Where one cannot be had, the reason is printed and its tests count as skipped.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { findGrpcurl, findPythonGrpc, type Found } from '../../scripts/stock-clients.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';

const run = promisify(execFile);
const installMs = 25 * 60_000;
const callMs = 60_000;

let cluster: TestCluster;
let address: string;
beforeAll(async () => {
  cluster = await startCluster();
  address = (await cluster.startNode('one')).address ?? '';
});
afterAll(() => cluster.stop());

function say(line: string): void {
  process.stdout.write(`stock clients: ${line}\n`);
}

/** Its path, or the end of the test as skipped, with the reason. */
function pathOf(found: Found, { skip }: TestContext): string {
  if ('path' in found) return found.path;
  say(found.lack);
  return skip(found.lack);
}

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function ran(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  try {
    const { stdout, stderr } = await run(command, [...args], { env: { ...process.env, ...env }, timeout: callMs });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: number; stdout?: string; stderr?: string };
    return { code: code ?? -1, stdout, stderr };
  }
}

/** Documents that follow one another, as tools print the messages of a stream. */
function documents(text: string): readonly Record<string, unknown>[] {
  return text
    .split(/(?<=^\})\n/mu)
    .filter((each) => each.trim() !== '')
    .map((each) => JSON.parse(each) as Record<string, unknown>);
}

const services = [
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
  'troupe.v1.Access',
  'troupe.v1.Audit',
  'troupe.v1.Cluster',
  'troupe.v1.Events',
  'troupe.v1.Jobs',
  'troupe.v1.Queues',
  'troupe.v1.Tenants',
];

describe('grpcurl', () => {
  let found: Found;
  beforeAll(async () => void (found = await findGrpcurl(say)), installMs);

  const grpcurl = async (context: TestContext, ...args: string[]): Promise<Ran> =>
    ran(pathOf(found, context), ['-plaintext', ...args]);

  it('lists and describes every service and what it is made of', async (context) => {
    expect((await grpcurl(context, address, 'list')).stdout.trim().split('\n')).toEqual(services);
    for (const service of services) {
      const described = await grpcurl(context, address, 'describe', service);
      expect(described).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(`${service} is a service`) as string,
      });
    }
    expect((await grpcurl(context, address, 'list', 'troupe.v1.Jobs')).stdout).toContain('troupe.v1.Jobs.SubmitJob\n');
    const status = await grpcurl(context, address, 'describe', 'google.rpc.Status');
    expect(status.stdout).toContain('repeated .google.protobuf.Any details');
    expect((await grpcurl(context, address, 'describe', '.troupe.v1.SubmitJobResponse')).code).toBe(0);
  });

  it('calls, watches to the end, and reads the details of a refusal', async (context) => {
    const job = JSON.stringify({ job: { handler: 'test.echo', input: { json: '{"x":1}' } } });
    const submitted = await grpcurl(context, '-d', job, address, 'troupe.v1.Jobs/SubmitJob');
    const { jobId } = JSON.parse(submitted.stdout) as { jobId: string };
    const watched = await grpcurl(context, '-d', JSON.stringify({ jobId }), address, 'troupe.v1.Jobs/WatchJob');
    expect(documents(watched.stdout).at(-1)).toMatchObject({
      job: { state: 'JOB_STATE_SUCCEEDED', output: { json: '{"x":1}' } },
    });
    const wrong = JSON.stringify({ job: { handler: 'no.such' } });
    const refused = await grpcurl(context, '-d', wrong, address, 'troupe.v1.Jobs/SubmitJob');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('type.googleapis.com/google.rpc.ErrorInfo');
    expect(refused.stderr).toContain('UNKNOWN_HANDLER');
  });

  it('asks for health', async (context) => {
    const check = await grpcurl(context, address, 'grpc.health.v1.Health/Check');
    expect(JSON.parse(check.stdout)).toEqual({ status: 'SERVING' });
    const list = await grpcurl(context, address, 'grpc.health.v1.Health/List');
    expect(JSON.parse(list.stdout)).toMatchObject({ statuses: { 'troupe.v1.Jobs': { status: 'SERVING' } } });
  });
});

describe('grpcio', () => {
  let found: Found;
  beforeAll(async () => void (found = await findPythonGrpc(say)), installMs);

  it('lists, describes, calls, streams, reads details, and everything that it gets is UTF-8', async (context) => {
    const script = fileURLToPath(new URL('../support/stock_client.py', import.meta.url));
    const { code, stdout, stderr } = await ran('python3', [script, address], { PYTHONPATH: pathOf(found, context) });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const half = 'Holiday \ufffd';
    const seen = JSON.parse(stdout) as { readonly states: readonly string[] };
    expect(seen).toMatchObject({
      services,
      patient: { json: '{"x":1}' },
      half: ['JOB_STATE_FAILED', { message: `bad title: ${half}`, code: half }],
      log: [{ text: half }],
      page: expect.any(Number) as number,
      health: { status: 'SERVING' },
      refusal: { code: 'FAILED_PRECONDITION', reason: 'UNKNOWN_HANDLER', domain: 'troupe' },
    });
    expect(seen.states.at(-1)).toBe('JOB_STATE_SUCCEEDED');
  });
});

describe('buf curl', () => {
  const buf = fileURLToPath(new URL('../../node_modules/.bin/buf', import.meta.url));
  const curl = (...args: string[]): Promise<Ran> =>
    ran(buf, ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...args]);

  it('lists, calls and streams', async () => {
    const url = `http://${address}`;
    expect((await curl('--list-methods', url)).stdout).toContain('troupe.v1.Jobs/SubmitJob\n');
    const job = JSON.stringify({ job: { handler: 'test.echo', input: { json: '2' } } });
    const submitted = await curl('-d', job, `${url}/troupe.v1.Jobs/SubmitJob`);
    const { jobId } = JSON.parse(submitted.stdout) as { jobId: string };
    const watched = await curl('-d', JSON.stringify({ jobId }), `${url}/troupe.v1.Jobs/WatchJob`);
    expect(watched.stdout).toContain('"JOB_STATE_SUCCEEDED"');
    const refused = await curl('-d', '{"job":{"handler":"no.such"}}', `${url}/troupe.v1.Jobs/SubmitJob`);
    const { details } = JSON.parse(refused.stderr) as { details: readonly { type: string; value: string }[] };
    expect(details[0]?.type).toBe('google.rpc.ErrorInfo');
    expect(Buffer.from(details[0]?.value ?? '', 'base64').toString()).toContain('UNKNOWN_HANDLER');
  });
});
