/**
 * Every name on NATS, derived from one root, so that clusters (and tests) on one server never meet.
 * Tenants and queues are validated tokens; anything freer (node ids, handler names) is escaped first.
 */
import { namePattern } from '../../domain/queue.ts';
import { invariant } from '../../domain/errors.ts';

/** The one level of today; more levels are more consumers. */
export const workLevel = '2';

export interface NatsNames {
  readonly root: string;
  readonly workStream: string;
  readonly eventsStream: string;
  readonly nodesBucket: string;
  readonly leasesBucket: string;
  readonly configBucket: string;
  readonly workSubjects: string;
  readonly eventSubjects: string;
  workSubject(tenant: string, queue: string): string;
  /** What a publisher uses; the stream stores it without the job id. */
  eventSubject(tenant: string, queue: string, event: string, jobId: string): string;
  progressSubject(tenant: string, queue: string, jobId: string): string;
  shardSubject(shard: number, verb: string): string;
  nodeSubject(nodeId: string, verb: string): string;
}

export function natsNames(root: string): NatsNames {
  invariant(namePattern.test(root), 'the subject root is one token of letters, digits, _ and -');
  const upper = root.toUpperCase();
  return {
    root,
    workStream: `${upper}_WORK`,
    eventsStream: `${upper}_EVENTS`,
    nodesBucket: `${root}_nodes`,
    leasesBucket: `${root}_leases`,
    configBucket: `${root}_config`,
    workSubjects: `${root}.work.*.*.*`,
    eventSubjects: `${root}.events.*.*.*.*`,
    workSubject: (tenant, queue) => `${root}.work.${tenant}.${queue}.${workLevel}`,
    eventSubject: (tenant, queue, event, jobId) => `${root}.events.${tenant}.${queue}.${event}.${jobId}`,
    progressSubject: (tenant, queue, jobId) => `${root}.progress.${tenant}.${queue}.${jobId}`,
    shardSubject: (shard, verb) => `${root}.shard.${shard}.${verb}`,
    nodeSubject: (nodeId, verb) => `${root}.node.${escapeToken(nodeId)}.${verb}`,
  };
}

/** `=` cannot be part of a tenant or queue, so the name says both without doubt. */
export function consumerName(tenant: string, queue: string): string {
  return `${tenant}=${queue}=${workLevel}`;
}

const freeCharacter = /[^A-Za-z0-9_-]/gu;

/** Injective: `image.thumbnail` becomes `image=2E=thumbnail`. */
export function escapeToken(text: string): string {
  return text.replace(freeCharacter, (character) => `=${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()}=`);
}
