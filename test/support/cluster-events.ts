/** Event subscribers as any user could write them: with the standard NATS client and without Troupe code. */
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type MsgHdrs, nanos, type NatsConnection } from '@nats-io/transport-node';
import type { EventSighting } from './cluster-history.ts';

export interface CloudEventSeen extends EventSighting {
  readonly source: string;
  readonly time: string;
  readonly contentType: string;
  readonly specVersion: string;
  readonly sequence: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface EventSubscriber {
  readonly events: readonly CloudEventSeen[];
  readonly connection: NatsConnection;
  ofJob(jobId: string): readonly CloudEventSeen[];
  close(): Promise<void>;
}

interface Received {
  readonly headers?: MsgHdrs | undefined;
  json(): unknown;
}

export function readEvent(message: Received): CloudEventSeen {
  const header = (name: string): string => message.headers?.get(name) ?? '';
  return {
    id: header('ce-id'),
    jobId: header('ce-subject'),
    seq: Number(header('ce-sequence')),
    sequence: header('ce-sequence'),
    type: header('ce-type').replace('dev.troupe.job.', ''),
    source: header('ce-source'),
    time: header('ce-time'),
    contentType: header('ce-datacontenttype'),
    specVersion: header('ce-specversion'),
    data: message.json() as Readonly<Record<string, unknown>>,
  };
}

function subscriber(events: CloudEventSeen[], connection: NatsConnection): EventSubscriber {
  return {
    events,
    connection,
    ofJob: (jobId) => events.filter((event) => event.jobId === jobId),
    close: () => connection.close(),
  };
}

/** Kept short, because a server restored to an older state may have forgotten an acknowledgement. */
const ackWaitMs = 5_000;

const connectOptions = { maxReconnectAttempts: -1, reconnectTimeWait: 100, reconnectJitter: 50 } as const;

/** Like `nats sub '<root>.events.>'`. */
export async function subscribeLive(url: string, root: string): Promise<EventSubscriber> {
  const connection = await connect({ servers: url, ...connectOptions });
  const events: CloudEventSeen[] = [];
  connection.subscribe(`${root}.events.>`, {
    callback: (error, message) => {
      if (error === null) events.push(readEvent(message));
    },
  });
  await connection.flush();
  return subscriber(events, connection);
}

/** A durable consumer that acknowledges each event and resumes after an outage of its server. */
export async function subscribeDurable(url: string, root: string, name: string): Promise<EventSubscriber> {
  const connection = await connect({ servers: url, ...connectOptions });
  const manager = await jetstreamManager(connection);
  const stream = await manager.streams.find(`${root}.events.default.default.queued.x`);
  await manager.consumers.add(stream, {
    durable_name: name,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    max_ack_pending: 1,
    ack_wait: nanos(ackWaitMs),
  });
  const events: CloudEventSeen[] = [];
  void consume(connection, stream, name, events);
  return subscriber(events, connection);
}

/** Takes one event at a time, so that a redelivery never arrives after a later event. */
async function consume(
  connection: NatsConnection,
  stream: string,
  name: string,
  events: CloudEventSeen[],
): Promise<void> {
  const client = jetstream(connection);
  while (!connection.isClosed()) {
    try {
      const consumer = await client.consumers.get(stream, name);
      for await (const message of await consumer.consume({ idle_heartbeat: 1_000, expires: 5_000 })) {
        events.push(readEvent(message));
        message.ack();
      }
    } catch {
      // The server is away. The connection recovers by itself.
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
