/** Answers each verb of a node. The questions come from gateways, which have validated them. */
import {
  type ActorReport,
  type DeadLetterReport,
  type DeadLettersReport,
  isWithin,
  type NodeVerb,
  type NodeVerbs,
} from '../../application/protocol/node-protocol.ts';
import { assertNever, TroupeError } from '../../domain/errors.ts';
import { runIdOf } from '../worker/node-run.ts';
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

/** The verb determines the type of its question, because both ends are this code. */
export async function answerOf(
  verb: NodeVerb,
  question: unknown,
  parts: AdminParts,
): Promise<NodeVerbs[NodeVerb]['answer']> {
  const { services, view, profiles } = parts;
  switch (verb) {
    case 'describe':
      return view.report();
    case 'tree':
      return boundedTree(view.rows(), (question as NodeVerbs['tree']['ask']).path);
    case 'shards':
      return view.shards();
    case 'inspect':
      return inspect((question as NodeVerbs['inspect']['ask']).path, parts);
    case 'dead-letters':
      return deadLetters(question as NodeVerbs['dead-letters']['ask'], services);
    case 'drain':
      services.drain();
      return { ...view.report(), draining: true };
    case 'forget-payloads':
      services.replaceCopy(question as NodeVerbs['forget-payloads']['ask']);
      return null;
    case 'profile':
      return profile(question as NodeVerbs['profile']['ask'], parts);
    case 'profile-part': {
      const { profileId, part } = question as NodeVerbs['profile-part']['ask'];
      return profiles.part(profileId, part);
    }
    default:
      return assertNever(verb);
  }
}

/** The actor at `path` with its direct children, recent events and dead letters. Null if no actor is there. */
function inspect(path: string, { services, view }: AdminParts): ActorReport | null {
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

function deadLetters(question: NodeVerbs['dead-letters']['ask'], services: AdminServices): DeadLettersReport {
  return {
    letters: lettersWithin(question.path, question.limit, services),
    counts: services.system.deadLetterCounts(),
  };
}

/** Newest first. Only the tag of a message is included, because the message itself may hold payloads. */
function lettersWithin(path: string, limit: number, { system }: AdminServices): readonly DeadLetterReport[] {
  return [...system.deadLetters()]
    .reverse()
    .filter((letter) => isWithin(letter.path, path))
    .slice(0, limit)
    .map(({ reason, messageTag, atMs, path: to }) => ({ path: to, reason, message: messageTag, atMs }));
}

/** Takes a profile and keeps it, because it is larger than one message. The caller then fetches it part by part. */
async function profile(
  { jobId, token, durationMs }: NodeVerbs['profile']['ask'],
  { services, profiles }: AdminParts,
): Promise<NodeVerbs['profile']['answer']> {
  if (services.pool === undefined) throw new TroupeError('RUN_NOT_FOUND', { metadata: { jobId } });
  return profiles.keep(await services.pool.profile(runIdOf(jobId, token), { durationMs }));
}
