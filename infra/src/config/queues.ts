/**
 * Queues of an environment in the format of `troupe queues apply` (docs/guides/queues.md), and the gateway that
 * receives them. The bounds are Troupe's own, so that a wrong value is found before any request is sent.
 */
import { z } from 'zod';
import { declaredQueuesSchema as queueFormat, type WrittenQueues } from '../../../src/contract/declared-queues.ts';
import { asWritten, hostPort } from './primitives.ts';

export const queueGatewaySchema = z.strictObject({
  address: hostPort,
  /** Path of the PEM file with the authority that signed the gateway's certificate. If absent, TLS is not used. */
  caPath: z.string().min(1).optional(),
  /** Path of the file with the token, if the gateway requires one. Its content is never part of a plan or a state. */
  tokenFile: z.string().min(1).optional(),
});

/** Settings that are absent get their defaults. */
export const declaredQueuesSchema = asWritten(queueFormat);

export const queuesSchema = z.strictObject({ gateway: queueGatewaySchema, declared: declaredQueuesSchema });
/** If `gateway` is absent, the gateway of this environment is used. */
export const localQueuesSchema = queuesSchema.partial({ gateway: true });

export type QueueSettings = WrittenQueues[string];
export type QueueGateway = z.infer<typeof queueGatewaySchema>;
export type DeclaredQueues = WrittenQueues;
