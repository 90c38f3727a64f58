/**
 * All names on NATS. They derive from one root, so that clusters (and tests) on one server do not interfere. Tenants
 * and queues are validated tokens. Names with a freer alphabet (node ids, handler names) are escaped.
 */
import { hash } from 'node:crypto';
import type { WorkRoute } from '../../application/ports/bus.ts';
import { invariant } from '../../domain/errors.ts';
import { needText } from '../../domain/handler-need.ts';
import { defaultPriority, isPriority } from '../../domain/priority.ts';
import { namePattern } from '../../domain/queue.ts';
import { given } from '../../domain/given.ts';
import { EventStreams, eventStreamsMax } from './event-streams.ts';

/**
 * Header of an event that EVENTS stream 0 hears, but another one stores. A stream refuses a message that names another.
 */
export const expectedStream = 'Nats-Expected-Stream';

export interface NatsNames {
  readonly root: string;
  readonly workStream: string;
  /** The first one takes the events from the subjects of the subscribers, each other one from subjects of its own. */
  readonly eventsStreams: readonly string[];
  /** The name of the EVENTS stream with this number, whether this process publishes to it or not. */
  eventsStream(stream: number): string;
  readonly nodesBucket: string;
  readonly leasesBucket: string;
  readonly configBucket: string;
  readonly workSubjects: string;
  readonly eventSubjects: string;
  workSubject(route: WorkRoute): string;
  /** Numbers of the EVENTS streams to which this process publishes, or did. The last one is where they go now. */
  eventHomes(tenant: string, queue: string): readonly number[];
  /** The subject of live subscribers. EVENTS stream 0 takes events from here, and stores them without the job id. */
  eventSubject(tenant: string, queue: string, event: string, jobId: string): string;
  /** The subject from which another EVENTS stream takes events. */
  eventInlet(stream: number, tenant: string, queue: string, event: string): string;
  /** The subject under which every EVENTS stream stores the event. */
  keptEventSubject(tenant: string, queue: string, event: string): string;
  progressSubject(tenant: string, queue: string, jobId: string): string;
  /** An empty message on this subject says that the job has written more log lines. */
  logSubject(tenant: string, queue: string, jobId: string): string;
  shardSubject(shard: number, verb: string): string;
  nodeSubject(nodeId: string, verb: string): string;
}

/** Throws if the root is not one token of letters, digits, `_` and `-`. */
export function natsNames(root: string, eventStreams = 1): NatsNames {
  invariant(namePattern.test(root), 'the subject root is one token of letters, digits, _ and -');
  invariant(eventStreams >= 1 && eventStreams <= eventStreamsMax, `there are 1 to ${eventStreamsMax} EVENTS streams`);
  const upper = root.toUpperCase();
  const streams = new EventStreams(eventStreams);
  const eventsStream = (n: number): string => `${upper}_EVENTS${n === 0 ? '' : `_${n}`}`;
  return {
    root,
    workStream: `${upper}_WORK`,
    eventsStreams: Array.from({ length: eventStreams }, (_, n) => eventsStream(n)),
    eventsStream,
    nodesBucket: `${root}_nodes`,
    leasesBucket: `${root}_leases`,
    configBucket: `${root}_config`,
    workSubjects: `${root}.work.*.*.*`,
    eventSubjects: `${root}.events.*.*.*.*`,
    workSubject: (route) => `${root}.work.${route.tenant}.${route.queue}.${levelToken(route)}`,
    eventHomes: (tenant, queue) => streams.homes(tenant, queue),
    eventInlet: (stream, tenant, queue, event) => `${root}.kept.${stream}.${tenant}.${queue}.${event}`,
    eventSubject: (tenant, queue, event, jobId) => `${root}.events.${tenant}.${queue}.${event}.${jobId}`,
    keptEventSubject: (tenant, queue, event) => `${root}.events.${tenant}.${queue}.${event}`,
    progressSubject: (tenant, queue, jobId) => `${root}.progress.${tenant}.${queue}.${jobId}`,
    logSubject: (tenant, queue, jobId) => `${root}.logs.${tenant}.${queue}.${jobId}`,
    shardSubject: (shard, verb) => `${root}.shard.${shard}.${verb}`,
    nodeSubject: (nodeId, verb) => `${root}.node.${escapeToken(nodeId)}.${verb}`,
  };
}

/**
 * The durable name of a route's consumer. Tenants and queues cannot contain `=`, so the name is unambiguous. A need is
 * hashed, because consumer names are limited in length.
 */
export function consumerName({ tenant, queue, level = defaultPriority, need }: WorkRoute): string {
  const main = `${tenant}=${queue}=${level}`;
  return need === undefined ? main : `${main}=${hash('sha256', needText(need), 'base64url').slice(0, 22)}`;
}

/**
 * The last token of a work subject. The level alone is the shared route; a level and a need are the route of that
 * handler.
 */
function levelToken({ level = defaultPriority, need }: WorkRoute): string {
  return need === undefined ? String(level) : escapeToken(`${level}:${needText(need)}`);
}

/** The route of a work subject. Returns undefined if the subject is not ours. */
export function routeOf(workSubject: string): WorkRoute | undefined {
  const [, , tenant, queue, token] = workSubject.split('.');
  if (tenant === undefined || queue === undefined || token === undefined) return undefined;
  const [, digit, handler, version] = /^(\d)(?::([^@]+)(?:@(.+))?)?$/.exec(unescapeToken(token)) ?? [];
  const level = Number(digit);
  if (digit === undefined || !isPriority(level)) return undefined;
  const place = { tenant, queue, ...given({ level: level !== defaultPriority ? level : undefined }) };
  if (handler === undefined) return place;
  return { ...place, need: { handler, ...given({ version }) } };
}

const freeCharacter = /[^A-Za-z0-9_-]/gu;

/**
 * Replaces characters that a subject token may not contain: `image.thumbnail` becomes `image=2E=thumbnail`. Injective.
 */
export function escapeToken(text: string): string {
  return text.replace(freeCharacter, (character) => `=${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()}=`);
}

function unescapeToken(token: string): string {
  return token.replace(/=([0-9A-F]{1,6})=/gu, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)));
}
