/** The connections of every workload: our client to the gateway, and a stock NATS client for events. */
import { connect as connectNats, type NatsConnection } from '@nats-io/transport-node';
import type { ClientAccess } from '../harness/security.ts';
import { given } from '../../src/domain/given.ts';
import type { PublishedEvents } from '../../src/domain/job.ts';
import { connect, type SubmitOutcome, type TroupeClient, TroupeClientError } from '../../src/client/index.ts';

export interface Target {
  readonly address: string;
  readonly natsUrl: string;
  /** Default: nothing is shown. */
  readonly access?: ClientAccess;
  /** That of `access`. Default: default. */
  readonly tenant?: string;
}

export interface Session {
  readonly client: TroupeClient;
  readonly nats: NatsConnection;
  readonly tenant: string;
}

export const benchQueue = 'bench';
export const holdQueue = 'hold';

/** 300 bytes as JSON. */
export const payload = { text: 'x'.repeat(289) };

export async function inSession<T>(target: Target, work: (session: Session) => Promise<T>): Promise<T> {
  const client = clientOf(target);
  const nats = await connectNats({ servers: target.natsUrl, name: 'bench' });
  try {
    for (const queue of [benchQueue, holdQueue]) await ensureQueue(client, queue);
    return await work({ client, nats, tenant: target.tenant ?? 'default' });
  } finally {
    client.close();
    await nats.close();
  }
}

/** Before anything creates it with the defaults. */
export async function createBenchQueue(
  target: Pick<Target, 'address' | 'access'>,
  publishedEvents: PublishedEvents,
): Promise<void> {
  const client = clientOf(target);
  await client.queues.create(benchQueue, { publishedEvents }).finally(() => client.close());
}

export function clientOf({ address, access = {} }: Pick<Target, 'address' | 'access'>): TroupeClient {
  const { token, ca, cert, key } = access;
  const pem = (text: string | undefined) => (text === undefined ? undefined : Buffer.from(text));
  const tls = ca === undefined ? undefined : given({ ca: pem(ca), cert: pem(cert), key: pem(key) });
  return connect({ address, ...given({ token, tls }) });
}

async function ensureQueue(client: TroupeClient, queue: string): Promise<void> {
  try {
    await client.queues.create(queue);
  } catch (error) {
    if (!(error instanceof TroupeClientError) || error.status !== 'ALREADY_EXISTS') throw error;
  }
}

export function acceptedId(outcome: SubmitOutcome): string {
  if ('error' in outcome) throw outcome.error;
  return outcome.ok.jobId;
}
