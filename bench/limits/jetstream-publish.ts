/**
 * Measures JetStream alone, on a stream like WORK with the message of a waiting job: published singly with the stock
 * client and 512 in flight, published in atomic batches of 200 with four in flight, and consumed by pull and ack. The
 * event of a job is larger and has more headers, and goes to a stream like EVENTS, so it is measured separately.
 */
import {
  AckPolicy,
  jetstream,
  type JetStreamClient,
  jetstreamManager,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { connect, createInbox, headers, MsgHdrsImpl, type NatsConnection, nuid } from '@nats-io/transport-node';
import { inFlight, ratesOf, type Sample } from '../harness/statistics.ts';
import { serveTask } from '../harness/task.ts';

export interface JetstreamInput {
  readonly url: string;
  readonly messages: number;
  readonly runs: number;
}

export interface JetstreamLimits {
  readonly workSingly: Sample;
  readonly workBatches: Sample;
  readonly eventSingly: Sample;
  readonly eventBatches: Sample;
  readonly pullAndAck: Sample;
}

const publishesInFlight = 512;
const batchSize = 200;
const batchesInFlight = 4;
const pullSize = 256;
const workSubject = 'limit.work.default.bench.2';
const eventSubject = 'limit.events.default.bench.succeeded';
const root = 'limit';

interface Message {
  readonly subject: string;
  readonly headers: string;
  readonly body: string;
}

function workMessage(): Message {
  const jobId = '01a207e0-66ae-7001-8000-0557989ebbd0';
  return {
    subject: workSubject,
    headers: `Nats-Msg-Id: ${nuid.next()}.0.1\r\n`,
    body: `{"jobId":"${jobId}","attempt":0,"generation":1}`,
  };
}

function eventMessage(): Message {
  const jobId = '01a207e0-66ae-7001-8000-0557989ebbd0';
  const attributes =
    `ce-specversion: 1.0\r\nce-id: ${jobId}.3\r\nce-source: /troupe/default/bench\r\nce-type: dev.troupe.job.succeeded\r\n` +
    `ce-subject: ${jobId}\r\nce-time: 2026-11-23T10:07:56.584Z\r\nce-sequence: 0000000003\r\n` +
    'ce-datacontenttype: application/json\r\n';
  return {
    subject: `${eventSubject}.${jobId}`,
    headers: `Nats-Msg-Id: ${nuid.next()}.3\r\n${attributes}`,
    body: `{"jobId":"${jobId}","handler":"bench.noop","state":"SUCCEEDED","attempt":1,"failures":0}`,
  };
}

class TextHeaders extends MsgHdrsImpl {
  text = '';

  override encode(): Uint8Array {
    return Buffer.from(this.text, 'latin1');
  }
}

/** Publishes batches with one confirmation each. One subscription receives all confirmations. */
function batchPublisher(connection: NatsConnection): (messages: readonly Message[]) => Promise<void> {
  const inbox = createInbox();
  const waiting = new Map<string, (reply: string) => void>();
  connection.subscribe(`${inbox}.*`, {
    callback: (_error, reply) => {
      waiting.get(reply.subject)?.(reply.string());
      waiting.delete(reply.subject);
    },
  });
  const block = new TextHeaders();
  return (messages) =>
    new Promise((resolve, reject) => {
      const batch = nuid.next();
      const reply = `${inbox}.${batch}`;
      waiting.set(reply, (text) => (text.includes('"error"') ? reject(new Error(text)) : resolve()));
      messages.forEach((message, index) => {
        const last = index === messages.length - 1;
        const place = `Nats-Batch-Id: ${batch}\r\nNats-Batch-Sequence: ${index + 1}\r\n`;
        block.text = `NATS/1.0\r\n${place}${last ? 'Nats-Batch-Commit: 1\r\n' : ''}${message.headers}\r\n`;
        connection.publish(message.subject, message.body, last ? { headers: block, reply } : { headers: block });
      });
    });
}

async function makeStreams(manager: JetStreamManager): Promise<void> {
  const shared = { storage: StorageType.File, allow_atomic: true, allow_direct: true };
  await manager.streams.add({
    ...shared,
    name: 'LIMIT_WORK',
    subjects: [`${root}.work.*.*.*`],
    retention: RetentionPolicy.Workqueue,
    duplicate_window: 30_000_000_000,
  });
  await manager.streams.add({
    ...shared,
    name: 'LIMIT_EVENTS',
    subjects: [`${root}.events.*.*.*.*`],
    subject_transform: {
      src: `${root}.events.*.*.*.*`,
      dest: `${root}.events.{{wildcard(1)}}.{{wildcard(2)}}.{{wildcard(3)}}`,
    },
    duplicate_window: 120_000_000_000,
  });
  await manager.consumers.add('LIMIT_WORK', {
    durable_name: 'bench',
    filter_subject: workSubject,
    ack_policy: AckPolicy.Explicit,
    max_ack_pending: 10_000,
  });
}

async function publishSingly(stream: JetStreamClient, make: () => Message): Promise<void> {
  const { subject, body, headers: text } = make();
  const block = headers();
  for (const line of text.trimEnd().split('\r\n')) {
    const colon = line.indexOf(': ');
    block.set(line.slice(0, colon), line.slice(colon + 2));
  }
  await stream.publish(subject, body, { headers: block });
}

async function pullAndAck(client: JetStreamClient, messages: number): Promise<number> {
  const consumer = await client.consumers.get('LIMIT_WORK', 'bench');
  const startedMs = performance.now();
  for (let taken = 0; taken < messages;) {
    for await (const message of await consumer.fetch({ max_messages: pullSize, expires: 5_000 })) {
      message.ack();
      taken += 1;
    }
  }
  return performance.now() - startedMs;
}

async function measure({ url, messages, runs }: JetstreamInput): Promise<JetstreamLimits> {
  const connection = await connect({ servers: url, name: 'limit', noAsyncTraces: true });
  try {
    const manager = await jetstreamManager(connection);
    const client = jetstream(connection);
    const publishBatch = batchPublisher(connection);
    const singly = (make: () => Message): Promise<Sample> =>
      ratesOf(runs, messages, () => inFlight(messages, publishesInFlight, () => publishSingly(client, make)));
    const batches = (make: () => Message): Promise<Sample> =>
      ratesOf(runs, messages, () =>
        inFlight(messages / batchSize, batchesInFlight, () => publishBatch(Array.from({ length: batchSize }, make))),
      );
    await makeStreams(manager);
    try {
      const eventSingly = await singly(eventMessage);
      const eventBatches = await batches(eventMessage);
      const workSingly = await singly(workMessage);
      const workBatches = await batches(workMessage);
      // All messages published above wait in the stream. Each run consumes its share.
      const taken = await ratesOf(runs, messages, () => pullAndAck(client, messages).then(() => undefined));
      return { workSingly, workBatches, eventSingly, eventBatches, pullAndAck: taken };
    } finally {
      await manager.streams.delete('LIMIT_WORK');
      await manager.streams.delete('LIMIT_EVENTS');
    }
  } finally {
    await connection.close();
  }
}

serveTask(measure);
