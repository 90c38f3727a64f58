/**
 * Every name on NATS, derived from one root, so that clusters (and tests) on one server never meet.
 * Tenants and queues are validated tokens; anything freer (node ids, handler names) is escaped first.
 */
import { hash } from 'node:crypto';
import type { Strand } from '../../application/ports/bus.ts';
import { invariant } from '../../domain/errors.ts';
import type { HandlerNeed } from '../../domain/handler-need.ts';
import { needText } from '../../domain/handler-need.ts';
import { namePattern } from '../../domain/queue.ts';

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
  workSubject(strand: Strand): string;
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
    workSubject: ({ tenant, queue, need }) => `${root}.work.${tenant}.${queue}.${levelToken(need)}`,
    eventSubject: (tenant, queue, event, jobId) => `${root}.events.${tenant}.${queue}.${event}.${jobId}`,
    progressSubject: (tenant, queue, jobId) => `${root}.progress.${tenant}.${queue}.${jobId}`,
    shardSubject: (shard, verb) => `${root}.shard.${shard}.${verb}`,
    nodeSubject: (nodeId, verb) => `${root}.node.${escapeToken(nodeId)}.${verb}`,
  };
}

/** `=` cannot be part of a tenant or queue, so the name says both without doubt. Names are short: a need is hashed. */
export function consumerName({ tenant, queue, need }: Strand): string {
  const main = `${tenant}=${queue}=${workLevel}`;
  return need === undefined ? main : `${main}=${hash('sha256', needText(need), 'base64url').slice(0, 22)}`;
}

/** The last token of a work subject: the level alone is the main strand, with a need behind it that need's own. */
function levelToken(need: HandlerNeed | undefined): string {
  return need === undefined ? workLevel : escapeToken(`${workLevel}:${needText(need)}`);
}

/** Undefined for a subject that is none of ours. */
export function strandOf(workSubject: string): Strand | undefined {
  const [, , tenant, queue, level] = workSubject.split('.');
  if (tenant === undefined || queue === undefined || level === undefined) return undefined;
  if (level === workLevel) return { tenant, queue };
  const [, handler, version] = /^2:([^@]+)(?:@(.+))?$/.exec(unescapeToken(level)) ?? [];
  if (handler === undefined) return undefined;
  return { tenant, queue, need: { handler, ...(version !== undefined && { version }) } };
}

const freeCharacter = /[^A-Za-z0-9_-]/gu;

/** Injective: `image.thumbnail` becomes `image=2E=thumbnail`. */
export function escapeToken(text: string): string {
  return text.replace(freeCharacter, (character) => `=${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()}=`);
}

function unescapeToken(token: string): string {
  return token.replace(/=([0-9A-F]{1,6})=/gu, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)));
}
