/** Half a surrogate pair, stored or sent: strict readers read everything, and nobody takes it for an outage. */
import { Client, credentials, Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../src/client/index.ts';
import { loadContract } from '../../src/contract/codec.ts';
import { createStatusCodec } from '../../src/contract/error-details.ts';
import { loadContractRoot } from '../../src/contract/root.ts';
import { type Edge, openEdge } from './gateway-edge.ts';

const half = '\ud83c';
const root = loadContractRoot();
const contract = loadContract();
const asBytes = (bytes: Buffer): Buffer => bytes;

let edge: Edge;
let raw: Client;
beforeAll(async () => {
  edge = await openEdge();
  raw = new Client(`127.0.0.1:${edge.port}`, credentials.createInsecure());
});
afterAll(async () => {
  raw.close();
  await edge.close();
});

function send(
  method: string,
  bytes: Buffer,
): Promise<{ readonly error: ServiceError | null; readonly answer?: Buffer }> {
  return new Promise((resolve) => {
    raw.makeUnaryRequest(`/troupe.v1.Jobs/${method}`, asBytes, asBytes, bytes, (error, answer) =>
      resolve({ error, ...(answer && { answer }) }),
    );
  });
}

/** With a reader that refuses what is not UTF-8, as those of other languages do. */
async function askStrictly(method: string, request: object): Promise<unknown> {
  const bytes = Buffer.from(root.lookupType(`troupe.v1.${method}Request`).encode(request).finish());
  const { answer = Buffer.alloc(0) } = await send(method, bytes);
  return root.lookupType(`troupe.v1.${method}Response`).decode(new protobuf.BufferReader(answer));
}

describe('a job whose record holds half a pair', () => {
  let jobId: string;
  beforeAll(async () => {
    ({ jobId } = await edge.client().submit('test.echo', 1));
    await edge.apply(jobId, { kind: 'claim', node: 'one', token: 't' });
    const failure = { reason: 'HANDLER_FAILED', message: `bad title: Holiday ${half}`, code: half } as const;
    await edge.apply(jobId, { kind: 'report', token: 't', outcome: { kind: 'failed', failure, retryable: false } });
  });

  it('is read by strict readers, alone, in a page, and by our client', async () => {
    const failure = { message: 'bad title: Holiday \ufffd', code: '\ufffd' };
    expect(await askStrictly('GetJob', { jobId })).toMatchObject({ job: { failure, attempts: [failure] } });
    expect(await askStrictly('ListJobs', {})).toMatchObject({ jobs: [{ failure }] });
    expect(await edge.client().get(jobId)).toMatchObject({ failure });
    expect(await edge.client().wait(jobId)).toMatchObject({ failure });
  });
});

describe('a request that is not UTF-8', () => {
  const statusCodec = createStatusCodec(contract);
  const refusal = async (method: string, request: object): Promise<{ code: number | undefined; fields: string[] }> => {
    // protobufjs by itself does not look: these bytes are what an unwary client sends.
    const bytes = Buffer.from(root.lookupType(`troupe.v1.${method}Request`).encode(request).finish());
    const { error } = await send(method, bytes);
    const [trailer] = error?.metadata.get('grpc-status-details-bin') ?? [];
    const details = statusCodec.unpack(statusCodec.status.decode(trailer as Buffer));
    const bad = details.find((detail) => detail.name === 'BadRequest')?.value;
    return { code: error?.code, fields: bad?.fieldViolations.map(({ field }) => field) ?? [] };
  };

  it.each([
    ['SubmitJob', { job: { handler: 'test.echo', labels: { title: half } } }, 'job.labels[title]'],
    ['SubmitJob', { job: { handler: 'test.echo' }, idempotencyKey: half }, 'idempotency_key'],
    ['SubmitJobs', { requests: [{}, { job: { fairnessKey: half } }] }, 'requests[1].job.fairness_key'],
    ['CancelJob', { jobId: 'x', reason: half }, 'reason'],
    ['ListJobs', { queue: half }, 'queue'],
  ])('%s names the field', async (method, request, field) => {
    const before = edge.records.size;
    expect(await refusal(method, request)).toEqual({ code: status.INVALID_ARGUMENT, fields: [field] });
    expect(edge.records.size).toBe(before);
  });

  it('is refused as a stream, too', async () => {
    const bytes = Buffer.from(root.lookupType('troupe.v1.WatchJobRequest').encode({ jobId: half }).finish());
    const call = raw.makeServerStreamRequest('/troupe.v1.Jobs/WatchJob', asBytes, asBytes, bytes);
    call.on('data', () => undefined);
    const error = await new Promise<ServiceError>((resolve) => call.once('error', resolve));
    expect(error.code).toBe(status.INVALID_ARGUMENT);
  });
});

describe('an answer that is no message', () => {
  let server: Server;
  let address: string;
  let asked = 0;
  const junk = Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]);
  beforeAll(async () => {
    server = new Server();
    const method = { requestDeserialize: asBytes, responseSerialize: asBytes, requestSerialize: asBytes };
    const shape = { ...method, responseDeserialize: asBytes, requestStream: false };
    server.addService(
      {
        GetJob: { ...shape, path: contract.jobs.GetJob.path, responseStream: false },
        WatchJob: { ...shape, path: contract.jobs.WatchJob.path, responseStream: true },
      },
      {
        GetJob: (_call: unknown, done: (error: null, answer: Buffer) => void) => {
          asked += 1;
          done(null, junk);
        },
        WatchJob: (call: { write(bytes: Buffer): void; end(): void }) => {
          asked += 1;
          call.write(junk);
          call.end();
        },
      },
    );
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    address = `127.0.0.1:${port}`;
  });
  afterAll(() => server.forceShutdown());

  it('is told as what it is, and not asked for again', async () => {
    const client = connect({ address });
    const told = { code: 'UNDECODABLE_ANSWER', retryable: false };
    await expect(client.get('x')).rejects.toMatchObject(told);
    await expect(client.wait('x')).rejects.toMatchObject(told);
    expect(asked).toBe(2);
    client.close();
  });
});
