/** Answers each verb of a node. The questions come from gateways, which have validated them. */
import { nodeStateCodes } from '../../contract/codes.ts';
import type * as wire from '../../contract/messages.ts';
import { toTime } from '../../contract/time.ts';
import { isWithin, type NodeVerb, type NodeVerbs } from '../../application/ports/node-protocol.ts';
import { TroupeError } from '../../domain/errors.ts';
import { runIdOf } from '../worker/node-attempt.ts';
import { boundedTree } from './actor-rows.ts';
import type { AdminServices, NodeView } from './node-view.ts';
import type { ProfileStore } from './profile-store.ts';

/** Bounds that keep a report within one message of the broker. */
const childrenMax = 200;
const newsMax = 50;

export interface AdminParts {
  readonly services: AdminServices;
  readonly view: NodeView;
  readonly profiles: ProfileStore;
}

type Answer<V extends NodeVerb> = NodeVerbs[V]['answer'];
type VerbHandler<V extends NodeVerb> = (
  question: NodeVerbs[V]['ask'],
  parts: AdminParts,
) => Answer<V> | Promise<Answer<V>>;

const handlers: { readonly [V in NodeVerb]: VerbHandler<V> } = {
  describe: (_, { view }) => view.report(),
  tree: ({ path }, { view }) => boundedTree(view.rows(), path),
  shards: (_, { view }) => view.shards(),
  inspect,
  deadLetters,
  drain,
  forgetPayloads,
  profile,
  profilePart: ({ profileId, part }, { profiles }) => profiles.part(profileId, part),
};

/** The verb determines the type of its question, because both ends are this code. */
export async function handleVerb(verb: NodeVerb, question: unknown, parts: AdminParts): Promise<Answer<NodeVerb>> {
  const handle = handlers[verb] as (question: unknown, parts: AdminParts) => Answer<NodeVerb>;
  return handle(question, parts);
}

function drain(_: null, { services, view }: AdminParts): Answer<'drain'> {
  services.drain();
  return { ...view.report(), state: nodeStateCodes.draining };
}

function forgetPayloads(record: NodeVerbs['forgetPayloads']['ask'], { services }: AdminParts): null {
  services.replaceCopy(record);
  return null;
}

/** The actor at `path` with its direct children, recent events and dead letters. Null if no actor is there. */
function inspect({ path }: NodeVerbs['inspect']['ask'], { services, view }: AdminParts): wire.ActorReport | null {
  const rows = view.rows();
  const actor = rows.find((row) => row.path === path);
  if (actor === undefined) return null;
  const below = path === '/' ? path : `${path}/`;
  const isChild = (child: string): boolean =>
    child !== path && child.startsWith(below) && !child.slice(below.length).includes('/');
  return {
    actor,
    children: rows.filter((row) => isChild(row.path)).slice(0, childrenMax),
    events: view.events.within(path, newsMax),
    deadLetters: lettersWithin(path, newsMax, services),
  };
}

function deadLetters(question: NodeVerbs['deadLetters']['ask'], { services }: AdminParts): Answer<'deadLetters'> {
  const { node, system } = services;
  return {
    deadLetters: lettersWithin(question.path, question.limit, services),
    counts: Object.entries(system.deadLetterCounts()).flatMap(([reason, count]) =>
      count === 0 ? [] : [{ node: node.nodeId, reason, count }],
    ),
  };
}

/** Newest first. Only the tag of a message is included, because the message itself may hold payloads. */
function lettersWithin(path: string, limit: number, { node, system }: AdminServices): readonly wire.DeadLetter[] {
  return [...system.deadLetters()]
    .reverse()
    .filter((letter) => isWithin(letter.path, path))
    .slice(0, limit)
    .map(({ reason, messageTag: message, atMs, path: to }) => ({
      node: node.nodeId,
      path: to,
      reason,
      message,
      time: toTime(atMs),
    }));
}

/** Takes a profile and keeps it, because it is larger than one message. The caller then fetches it part by part. */
async function profile(
  { jobId, token, durationMs }: NodeVerbs['profile']['ask'],
  { services, profiles }: AdminParts,
): Promise<NodeVerbs['profile']['answer']> {
  if (services.pool === undefined) throw new TroupeError('RUN_NOT_FOUND', { metadata: { jobId } });
  return profiles.keep(await services.pool.profile(runIdOf(jobId, token), { durationMs }));
}
