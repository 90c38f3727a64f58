/** A durable subscriber with the stock client that hands each event to the history, and begins anew when the stream does. */
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { readEvent } from '../support/cluster-events.ts';
import type { History } from '../support/cluster-history.ts';

export interface Auditor {
  readonly heard: number;
  close(): Promise<void>;
}

const name = 'soak';
const againMs = 200;
/** Without the last one, a consumer that was lost with its stream stays silent for ever. */
const pull = { idle_heartbeat: 1_000, expires: 5_000, abort_on_missing_resource: true };

export async function startAuditor(url: string, root: string, history: History): Promise<Auditor> {
  const connection = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  let heard = 0;
  const listening = listen(connection, root, (event) => {
    heard += 1;
    history.heard(event);
  });
  return {
    get heard() {
      return heard;
    },
    async close() {
      await connection.close();
      await listening;
    },
  };
}

/** One message at a time, so that a redelivery never comes after a later event. */
async function listen(
  connection: NatsConnection,
  root: string,
  take: (event: ReturnType<typeof readEvent>) => void,
): Promise<void> {
  while (!connection.isClosed()) {
    try {
      const manager = await jetstreamManager(connection);
      const stream = await manager.streams.find(`${root}.events.default.default.queued.x`);
      await manager.consumers.add(stream, {
        durable_name: name,
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        max_ack_pending: 1,
      });
      const consumer = await jetstream(connection).consumers.get(stream, name);
      for await (const message of await consumer.consume(pull)) {
        take(readEvent(message));
        message.ack();
      }
    } catch {
      // The server is away, or began anew: both pass.
      await new Promise((resolve) => setTimeout(resolve, againMs));
    }
  }
}
