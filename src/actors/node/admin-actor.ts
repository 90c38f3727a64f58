/**
 * Answers the verbs of this node (`NodeVerbs`) and keeps what the answers need: how busy the actors were recently, what
 * happened to them, and profiles that wait to be fetched. It only observes. Everything that it keeps is bounded.
 *
 * It also maintains the quarantines of queues. A queue whose own actor failed too often gets a mark for this node, so
 * that everybody can see it and it outlives a restart. Once the marks of a queue are gone, its actors are resumed.
 */
import { type ActorContext, type ActorDefinition, type ActorRef, ask, type Behavior } from '../../kernel/index.ts';
import type { NodeVerb, NodeVerbs } from '../../application/ports/node-protocol.ts';
import { TroupeError } from '../../domain/errors.ts';
import { markEveryMs } from './activity-meter.ts';
import { type AdminServices, NodeView } from './node-view.ts';
import { NodeQuarantines } from './node-quarantines.ts';
import { ProfileStore } from './profile-store.ts';
import type { AdminMessage, Reply } from './admin-message.ts';
import { handleVerb } from './admin-verbs.ts';

/** Questions that may wait. Beyond this they are refused at once. */
const mailboxCapacity = 256;

export function adminActor(services: AdminServices): ActorDefinition<AdminMessage> {
  return { kind: 'admin', mailboxCapacity, start: (context) => startAdmin(services, context) };
}

function startAdmin(services: AdminServices, context: ActorContext<AdminMessage>): Behavior<AdminMessage> {
  const { clock } = context;
  const view = new NodeView(services, clock);
  const quarantines = new NodeQuarantines(services, context);
  const profiles = new ProfileStore(() => clock.monotonicMs());
  const stopEvents = services.system.subscribe((event) => {
    view.events.note(event);
    if (event.type === 'suspended') quarantines.failed(event.path, event.reason);
  });
  const stopChanges = services.quarantines.onChange(() => context.self.tell({ kind: 'quarantines-changed' }));
  const mark = (): void => {
    view.mark();
    profiles.expire();
    quarantines.mend();
    context.setTimer('mark', markEveryMs, { kind: 'mark' });
  };
  mark();

  return {
    receive(message) {
      switch (message.kind) {
        case 'ask':
          settle(handleVerb(message.verb, message.question, { services, view, profiles }), message.reply);
          break;
        case 'mark':
          mark();
          break;
        case 'quarantines-changed':
          quarantines.mend();
          break;
        case 'marked':
          quarantines.marked(message.key, message.outcome);
          break;
      }
    },
    onStop() {
      stopEvents();
      stopChanges();
    },
  };
}

/** Replies when the answer is ready. A profile takes up to a minute, and the actor continues meanwhile. */
function settle(answer: Promise<NodeVerbs[NodeVerb]['answer']>, reply: Reply): void {
  answer.then(
    (value) => reply.tell({ status: 'fulfilled', value }),
    (reason: unknown) => reply.tell({ status: 'rejected', reason }),
  );
}

/** Asks the admin actor from outside the actor system. */
export async function askAdmin(
  admin: ActorRef<AdminMessage>,
  verb: NodeVerb,
  question: unknown,
  options: Parameters<typeof ask>[2],
): Promise<NodeVerbs[NodeVerb]['answer']> {
  const outcome = await ask<AdminMessage, PromiseSettledResult<NodeVerbs[NodeVerb]['answer']>>(
    admin,
    (reply) => ({ kind: 'ask', verb, question, reply }),
    options,
  );
  if (outcome.status === 'rejected') throw TroupeError.from(outcome.reason);
  return outcome.value;
}
