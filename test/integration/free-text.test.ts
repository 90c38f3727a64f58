/**
 * Every text that a caller may write into a request, found in the contract itself: whatever it is, the gateway either
 * refuses it with a code and the name of the field, or takes it and gives it back as it was.
 */
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import type protobuf from 'protobufjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadContract } from '../../src/contract/codec.ts';
import { createStatusCodec, statusTrailer } from '../../src/contract/error-details.ts';
import { loadContractRoot } from '../../src/contract/root.ts';
import { believedLinks } from '../support/believed-links.ts';
import { halfWords, hardWords } from '../support/words.ts';
import { type Edge, openEdge } from './gateway-edge.ts';

type Message = Readonly<Record<string, unknown>>;

/** Where a text stands in a request. Of a map it is the name or the value of an entry; `json`: a part of a document. */
interface Place {
  readonly path: readonly string[];
  readonly part: 'text' | 'item' | 'key' | 'value' | 'json';
}

interface Answer {
  /** Empty: it was taken. */
  readonly reason: string;
  readonly fields: readonly string[];
  readonly message: Message;
}

interface Told {
  readonly request: () => Message | Promise<Message>;
  /** Whether a key is known again when it comes again. Default: yes. */
  readonly knowsKeys?: false;
  /** Where the cluster shows what it was told: the message that stands for the one at the beginning of the path. */
  readonly shown?: (answer: Answer, path: readonly string[]) => Promise<{ in: Message; at: readonly string[] }>;
}

const root = loadContractRoot();
const statuses = createStatusCodec(loadContract());
const methods = ['Jobs', 'Queues', 'Cluster'].flatMap((name) => root.lookupService(`troupe.v1.${name}`).methodsArray);
/** Codes that say by themselves what is wrong; with the others goes the name of the field. */
const plain = /^(INVALID_PAGE_TOKEN|INVALID_RESUME_TOKEN|UNKNOWN_HANDLER|JOB_STATE_FORBIDS|[A-Z]+_NOT_FOUND)$/;
const named = /^(INVALID_ARGUMENT|INVALID_JOB_SPEC)$/;

/** The codec of this test repairs longer halves itself. */
const words = [...hardWords, ...halfWords.filter((word) => word.length < 40)];

let edge: Edge;
let wire: Client;
let jobId = '';
let fresh = 0;

async function newJob(): Promise<string> {
  return String((await ask('SubmitJob', { job: { handler: 'test.echo' } })).message['jobId']);
}

const job = (): Message => ({
  handler: 'test.echo',
  queue: 'default',
  labels: { team: 'red' },
  unique: { key: `u${(fresh += 1)}` },
  concurrencyKey: 'one',
  fairnessKey: 'two',
  retry: { nonRetryableCodes: { codes: ['E_ONE'] } },
  input: { json: '1' },
});
const toUpload = (): Message => ({
  submit: { job: { ...job(), input: null }, idempotencyKey: '' },
  inputSizeBytes: 0,
  inputSha256: new Uint8Array(32),
});
const filter = (): Message => ({ handler: 'test.echo', labels: { team: 'red' } });
const queue = (): Message => ({ name: `q${(fresh += 1)}`, settings: settings() });
const settings = (): Message => ({
  retry: { nonRetryableCodes: { codes: ['E_ONE'] } },
  flow: { fairnessWeights: { one: 2 } },
});
async function specOf({ message }: Answer, path: readonly string[]) {
  const found = await ask('GetJob', { jobId: message['jobId'], includeInput: true });
  return { in: at(found.message, ['job', 'spec']) as Message, at: path.slice(path.indexOf('job') + 1) };
}
const queueOf = async ({ message }: Answer, path: readonly string[]) => ({ in: message['queue'] as Message, at: path });

const told: Readonly<Record<string, Told>> = {
  SubmitJob: { request: () => ({ job: job(), idempotencyKey: '' }), shown: specOf },
  SubmitJobs: { request: () => ({ requests: [{ job: job(), idempotencyKey: '' }] }), shown: specOf },
  SubmitJobStream: {
    request: () => ({ open: { submit: { job: { ...job(), input: null }, idempotencyKey: '' }, inputSizeBytes: 0 } }),
    shown: specOf,
  },
  RetryJob: { request: () => ({ jobId, input: { json: '1' } }) },
  RedriveJobs: { request: () => ({ queue: 'default', filter: filter(), redriveId: 'one' }) },
  CancelJobs: { request: () => ({ queue: 'default', filter: { ...filter(), labels: { no: 'such' } } }) },
  GetJob: { request: () => ({ jobId }) },
  GetJobs: { request: () => ({ jobIds: [jobId], readMask: { paths: ['state'] } }) },
  ListFailureKinds: {
    request: () => ({ queue: 'default', filter: { ...filter(), endedFrom: { seconds: 1_700_000_000, nanos: 0 } } }),
  },
  ListJobs: { request: () => ({ queue: 'default', filter: filter() }) },
  CancelJob: {
    request: async () => ({ jobId: await newJob() }),
    shown: async ({ message }) => ({ in: message['job'] as Message, at: ['cancelReason'] }),
  },
  DownloadPayload: { request: () => ({ jobId }) },
  GetPayloadLink: { request: () => ({ jobId }) },
  BeginUpload: { request: toUpload, knowsKeys: false },
  SubmitUploadedJob: {
    request: async () => {
      const { submit, ...facts } = toUpload();
      const { message } = await ask('BeginUpload', { submit, ...facts });
      return { submit, uploadId: message['uploadId'] };
    },
    shown: specOf,
  },
  EraseJobPayloads: { request: () => ({ jobId }) },
  RescheduleJob: { request: () => ({ jobId, now: true }) },
  GetJobLog: { request: () => ({ jobId }) },
  WatchJob: { request: () => ({ jobId }) },
  WatchJobs: { request: () => ({ queue: 'default', filter: filter() }) },
  CreateQueue: { request: queue, shown: queueOf },
  GetQueue: { request: () => ({ name: 'default' }) },
  ListQueues: { request: () => ({ pageSize: 10 }) },
  UpdateQueue: {
    request: async () => {
      const { name } = queue();
      await ask('CreateQueue', { name });
      return { name, version: 1, settings: settings() };
    },
    shown: queueOf,
  },
  DeleteQueue: { request: () => ({ name: 'none' }) },
  GetQueueStats: { request: () => ({ name: 'default' }) },
  GetOverview: { request: () => ({ queueContains: 'default' }) },
  ListNodes: { request: () => ({}) },
  ListShards: { request: () => ({}) },
  GetTree: { request: () => ({ path: '/' }) },
  WatchTree: { request: () => ({ path: '/' }) },
  Inspect: { request: () => ({ path: '/node' }) },
  ListDeadLetters: { request: () => ({ path: '/' }) },
  DrainNode: { request: () => ({ node: 'none' }) },
  QuarantineQueue: {
    request: () => ({ queue: 'default', reason: 'looked at' }),
    shown: async () => ({
      in: at((await ask('GetQueue', { name: 'default' })).message, ['queue', 'quarantines', '0']) as Message,
      at: ['reason'],
    }),
  },
  ResumeQueue: { request: () => ({ queue: 'default' }) },
  ProfileRun: { request: () => ({ jobId }) },
};

/** Of a repeated field the first one stands for all. */
function placesOf(type: protobuf.Type, path: readonly string[] = []): Place[] {
  return type.fieldsArray.flatMap((field): Place[] => {
    const here = [...path, field.name];
    const { resolvedType } = field.resolve();
    if (field.map) {
      const key: Place = { path: here, part: 'key' };
      return field.type === 'string' ? [key, { path: here, part: 'value' }] : [key];
    }
    if (field.type === 'string') {
      const text: Place = { path: here, part: field.repeated ? 'item' : 'text' };
      return field.name === 'json' ? [text, { path: here, part: 'json' }] : [text];
    }
    const inside = resolvedType !== null && 'fieldsArray' in resolvedType ? resolvedType : undefined;
    return inside === undefined ? [] : placesOf(inside, field.repeated ? [...here, '0'] : here);
  });
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce((inner, step) => (inner as Message | undefined)?.[step], value);
}

/** A copy with another value at the path. */
function put(value: unknown, [step, ...rest]: readonly string[], change: (former: unknown) => unknown): unknown {
  if (step === undefined) return change(value);
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) => (String(index) === step ? put(item, rest, change) : item));
  }
  return { ...(value as Message), [step]: put(at(value, [step]), rest, change) };
}

function withWord(request: Message, { path, part }: Place, word: string): { request: Message; written: unknown } {
  let written: unknown;
  const changed = put(request, path, (former) => {
    const [value] = Object.values((former ?? {}) as Message);
    if (part === 'text') written = word;
    else if (part === 'item') written = [word];
    else if (part === 'json') written = JSON.stringify(Object.fromEntries([[word, [word]]]));
    else written = Object.fromEntries([part === 'key' ? [word, value] : ['team', word]]);
    return written;
  });
  return { request: changed as Message, written };
}

/** The first message of a stream stands for all of it. */
async function ask(name: string, request: Message): Promise<Answer> {
  const method = methods.find((one) => one.name === name);
  const [takes, gives] = [method?.resolvedRequestType, method?.resolvedResponseType];
  if (!method || !takes || !gives) throw new Error(`no method ${name}`);
  const encode = (message: Message): Buffer => Buffer.from(takes.encode(message).finish());
  const decode = (bytes: Buffer): Message => gives.toObject(gives.decode(bytes), { longs: Number });
  const path = `/${method.parent?.fullName.slice(1) ?? ''}/${name}`;
  return new Promise((resolve) => {
    const ended = (error: ServiceError | null, message?: Message): void => {
      if (error === null) resolve(itemOf(message ?? {}));
      else resolve(refusalOf(error.metadata.get(statusTrailer)[0], error));
    };
    if (method.responseStream === true) {
      const call = wire.makeServerStreamRequest(path, encode, decode, request, new Metadata());
      call.once('data', (message: Message) => {
        ended(null, message);
        call.cancel();
      });
      call.on('error', (error: ServiceError) => ended(error));
      call.on('end', () => ended(null));
    } else if (method.requestStream === true) {
      const call = wire.makeClientStreamRequest(path, encode, decode, new Metadata(), ended);
      call.end(request);
    } else wire.makeUnaryRequest(path, encode, decode, request, new Metadata(), ended);
  });
}

/** A batch of one is as good as its item. */
function itemOf(message: Message): Answer {
  const [outcome] = (message['outcomes'] ?? [{ accepted: message }]) as { accepted?: Message; error?: Message }[];
  if (outcome?.error === undefined) return { reason: '', fields: [], message: outcome?.accepted ?? {} };
  const bytes = root.lookupType('google.rpc.Status').encode(outcome.error).finish();
  return refusalOf(Buffer.from(bytes), outcome.error);
}

function refusalOf(trailer: unknown, error: unknown): Answer {
  if (!(trailer instanceof Buffer))
    return {
      reason: `without details: ${error instanceof Error ? error.message : 'of an item'}`,
      fields: [],
      message: {},
    };
  const details = statuses.unpack(statuses.status.decode(trailer));
  const reasons = details.flatMap((detail) => (detail.name === 'ErrorInfo' ? [detail.value.reason] : []));
  const violations = details.flatMap((detail) => (detail.name === 'BadRequest' ? detail.value.fieldViolations : []));
  return { reason: reasons[0] ?? '', fields: violations.map(({ field }) => field), message: {} };
}

const snake = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** What went wrong with this text in this place; undefined: nothing did. */
async function wrongWith(method: string, place: Place, word: string): Promise<string | undefined> {
  const plan = told[method];
  if (plan === undefined) return 'the test does not know the method';
  const { request, written } = withWord(await plan.request(), place, word);
  const answer = await ask(method, request);
  if (answer.reason !== '') {
    if (plain.test(answer.reason)) return undefined;
    if (!named.test(answer.reason)) return `refused with ${answer.reason}`;
    const names = place.path.map(snake);
    const isNamed = answer.fields.some((field) => field.split(/[.[\]/]/).some((part) => names.includes(part)));
    return isNamed ? undefined : `refused, naming [${answer.fields.join()}]`;
  }
  if (place.path.at(-1) === 'idempotencyKey' && word !== '' && plan.knowsKeys !== false) {
    const again = await ask(method, request);
    return again.message['duplicate'] === true ? undefined : 'the key is not known again';
  }
  const shown = await plan.shown?.(answer, place.path);
  if (shown === undefined || word === '') return undefined;
  const back = at(shown.in, shown.at);
  return JSON.stringify(back) === JSON.stringify(written) ? undefined : `comes back as ${JSON.stringify(back)}`;
}

describe('the texts of the contract', () => {
  it('are looked for in every method', () => {
    expect(Object.keys(told).sort()).toEqual(methods.map(({ name }) => name).sort());
  });
});

describe.each(methods.map(({ name }) => name))('a text in %s', (name) => {
  const takes = methods.find((method) => method.name === name)?.resolvedRequestType;
  const places = takes ? placesOf(takes).map((place) => ({ ...place, title: place.path.join('.') })) : [];

  beforeAll(async () => {
    edge = await openEdge({ payloads: (small) => ({ ...small, links: believedLinks() }) });
    wire = new Client(`127.0.0.1:${edge.port}`, credentials.createInsecure());
    edge.manifests.set('test.echo', { name: 'test.echo', version: '1.0.0', inputKind: 'any' });
    jobId = await newJob();
  });
  afterAll(async () => {
    wire.close();
    await edge.close();
  });

  it.each(places)('is refused by the name of its field or kept as it is: $title ($part)', async (place) => {
    const wrong: string[] = [];
    for (const word of words) {
      const found = await wrongWith(name, place, word);
      if (found !== undefined) wrong.push(`${JSON.stringify(word.slice(0, 20))}: ${found}`);
    }
    expect(wrong).toEqual([]);
  });

  it('leaves a gateway behind that works', async () => {
    expect(await newJob()).toMatch(/^[0-9a-f-]{36}$/);
  });
});
