/**
 * An actor that starts, watches and restarts its children by the rules of its spec. It fails itself if they fail too
 * often.
 *
 * It runs none of its children's code and knows nothing of what they do, so a child cannot crash it. It is up once all
 * its children are up, so a sibling that starts later can rely on the whole subtree.
 */
import type {
  ActorContext,
  ActorDefinition,
  ActorRef,
  Behavior,
  IncarnationEvent,
  RestartBudget,
  StopReason,
} from '../kernel/index.ts';
import { TroupeError, assertNever } from '../domain/errors.ts';
import { backoffDelayMs } from './backoff.ts';
import { directiveFor } from './decision.ts';
import { type RestartHistory, restartsInWindow } from './intensity.ts';
import type { OrderReply, StartChildReply, SupervisorMessage } from './messages.ts';
import { type Child, Children } from './children.ts';
import {
  type ChildSpec,
  compileChild,
  type CompiledChildSpec,
  type CompiledSpec,
  compileSpec,
  type SupervisorSpec,
} from './spec.ts';
import { affectedBy } from './strategy.ts';

/** Requests from outside, and the messages that the supervisor sends to itself. */
type Message =
  | SupervisorMessage
  | { readonly kind: 'childLife'; readonly name: string; readonly event: IncarnationEvent }
  | { readonly kind: 'backoffOver'; readonly name: string };

/**
 * Makes an actor definition from a spec. Throws if the spec is invalid.
 * The supervisor crashes with INTERNAL_ERROR when a child exceeds the restart intensity, so that its own supervisor
 * decides.
 */
export function supervise(spec: SupervisorSpec): ActorDefinition<SupervisorMessage> {
  const compiled = compileSpec(spec);
  const definition: ActorDefinition<Message> = {
    kind: compiled.kind,
    mailboxCapacity: compiled.mailboxCapacity,
    start: (context) => new Supervisor(context, compiled),
  };
  return definition;
}

class Supervisor implements Behavior<Message> {
  readonly ready: Promise<undefined>;
  readonly #context: ActorContext<Message>;
  readonly #spec: CompiledSpec;
  readonly #children: Children;
  readonly #markReady: () => void;
  /** Restarts that count against the supervisor's own limit. */
  #restarts: RestartHistory = [];
  /** After an escalation the supervisor waits for its end and takes no further steps. */
  #escalated = false;

  constructor(context: ActorContext<Message>, spec: CompiledSpec) {
    this.#context = context;
    this.#spec = spec;
    this.#children = new Children(spec.strategy);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.ready = promise;
    this.#markReady = () => {
      resolve(undefined);
    };
    for (const child of spec.children) this.#add(child);
    this.#bringIntoLine();
  }

  receive(message: Message): void {
    this.#carryOut(message);
    this.#bringIntoLine();
  }

  #carryOut(message: Message): void {
    switch (message.kind) {
      case 'childLife':
        this.#childLife(message.name, message.event);
        return;
      case 'backoffOver': {
        const child = this.#children.get(message.name);
        if (child !== undefined) child.delayed = false;
        return;
      }
      case 'startChild':
        answer(message.reply, this.#startChild(message.spec));
        return;
      case 'stopChild':
        this.#stopChild(message);
        return;
      case 'restartChild':
        answer(message.reply, this.#restartChild(message.name));
        return;
      case 'resume':
        answer(message.reply, this.#resume(message.name));
        return;
      case 'listChildren':
        message.reply.tell(this.#children.inOrder().map((child) => this.#children.statusOf(child)));
        return;
      default:
        assertNever(message);
    }
  }

  #bringIntoLine(): void {
    if (this.#escalated) return;
    if (this.#children.reconcile()) this.#markReady();
    this.#context.describe({
      strategy: this.#spec.strategy,
      children: this.#children.size,
      restartsInWindow: restartsInWindow(this.#restarts, this.#spec.intensity, this.#nowMs()).length,
      maxRestarts: this.#spec.intensity.maxRestarts,
    });
  }

  #nowMs(): number {
    return this.#context.clock.monotonicMs();
  }

  #add(spec: CompiledChildSpec): Child['handle'] {
    const handle = this.#context.spawnSupervised(spec.name, spec.definition, {
      shutdownMs: spec.shutdownMs,
      toMessage: (event) => ({ kind: 'childLife', name: spec.name, event }),
      budget: () => this.#budgetOf(spec),
    });
    this.#children.add(spec, handle);
    return handle;
  }

  /** A child without its own budget draws on the supervisor's. */
  #budgetOf({ name, onExhausted, intensity }: CompiledChildSpec): RestartBudget {
    const own = onExhausted === 'suspend';
    const history = own ? (this.#children.get(name)?.restarts ?? []) : this.#restarts;
    return { inWindow: restartsInWindow(history, intensity, this.#nowMs()).length, limit: intensity.maxRestarts };
  }

  // --- life cycle of children ----------------------------------------------------------------------------------------

  #childLife(name: string, event: IncarnationEvent): void {
    const child = this.#children.get(name);
    if (child === undefined) return;
    if (event.kind === 'up') {
      if (child.phase === 'starting') child.phase = 'up';
      return;
    }
    child.phase = 'down';
    if (child.marked) child.marked = false;
    else this.#ended(child, event.reason);
  }

  /** The child ended although nobody asked for it. */
  #ended(child: Child, reason: StopReason): void {
    const { spec } = child;
    const ownBudget = spec.onExhausted === 'suspend';
    const history = ownBudget ? child.restarts : this.#restarts;
    const directive = directiveFor(spec, history, { failed: reason.kind === 'failed' }, this.#nowMs());
    switch (directive.kind) {
      case 'forget':
        child.wanted = 'gone';
        return;
      case 'retire':
        child.wanted = 'retired';
        child.handle.close('stopped', reason);
        return;
      case 'restart':
        if (!ownBudget) this.#restarts = directive.history;
        child.restarts = [...restartsInWindow(child.restarts, spec.intensity, this.#nowMs()), this.#nowMs()];
        this.#takeDownWith(child);
        this.#delay(child);
        return;
      case 'suspend':
        child.wanted = 'suspended';
        child.handle.close('suspended', reason);
        this.#takeDownWith(child);
        this.#context.log.error({ child: spec.name, ...spec.intensity }, 'child suspended: it failed too often');
        return;
      case 'escalate':
        this.#escalate(child, reason);
        return;
      default:
        assertNever(directive);
    }
  }

  #takeDownWith(failed: Child): void {
    for (const child of affectedBy(this.#spec.strategy, this.#children.inOrder(), failed)) {
      if (child !== failed) this.#children.takeDown(child);
    }
  }

  #delay(child: Child): void {
    const { backoff, name } = child.spec;
    if (backoff === undefined) return;
    const delayMs = backoffDelayMs(backoff, child.restarts.length, this.#context.random);
    child.delayed = true;
    this.#context.setTimer(`backoff:${name}`, delayMs, { kind: 'backoffOver', name });
    this.#context.log.info({ child: name, delayMs }, 'child restarts after its backoff');
  }

  #escalate(child: Child, reason: StopReason): void {
    this.#escalated = true;
    const { maxRestarts, windowMs } = this.#spec.intensity;
    this.#context.fail(
      new TroupeError('INTERNAL_ERROR', {
        message: 'children failed more often than their supervisor allows',
        metadata: { child: child.spec.name, maxRestarts: String(maxRestarts), windowMs: String(windowMs) },
        ...(reason.kind === 'failed' ? { cause: reason.error } : {}),
      }),
    );
  }

  // --- requests ------------------------------------------------------------------------------------------------------

  #startChild(spec: ChildSpec): StartChildReply {
    const existing = this.#children.get(spec.name);
    if (existing !== undefined) {
      const refusal = refused(`a child named ${spec.name} already exists; choose another name`);
      return existing.wanted === 'gone' ? refusal : { ...refusal, existing: existing.handle.ref };
    }
    if (this.#children.size >= this.#spec.maxChildren) {
      return {
        ok: false,
        error: new TroupeError('BACKLOG_FULL', {
          message: 'the supervisor has reached its limit of children; stop one first',
        }),
      };
    }
    try {
      return { ok: true, ref: this.#add(compileChild(spec, this.#spec)).ref };
    } catch (error) {
      return {
        ok: false,
        error: new TroupeError('INVALID_ARGUMENT', {
          message: 'the child spec is not valid; see the cause',
          cause: error,
        }),
      };
    }
  }

  #stopChild(order: Extract<SupervisorMessage, { kind: 'stopChild' }>): void {
    const child = this.#children.get(order.name);
    if (child === undefined || child.wanted === 'gone') {
      order.reply?.tell(refused(`there is no child named ${order.name}, or it is already stopping`));
      return;
    }
    child.wanted = 'gone';
    child.marked = child.phase !== 'down';
    child.stopReply = order.reply;
    this.#context.cancelTimer(`backoff:${order.name}`);
  }

  #restartChild(name: string): OrderReply {
    const child = this.#children.get(name);
    if (child === undefined || child.wanted === 'gone') return refused(`there is no child named ${name}`);
    if (child.spec.restart === 'temporary') return refused(`${name} is temporary: it has one incarnation`);
    this.#children.want(child);
    child.marked = child.phase !== 'down';
    this.#endDelay(child);
    return { ok: true };
  }

  #resume(name: string): OrderReply {
    const child = this.#children.get(name);
    if (child?.wanted !== 'suspended') return refused(`no child named ${name} is suspended`);
    this.#children.want(child);
    child.restarts = [];
    this.#endDelay(child);
    return { ok: true };
  }

  #endDelay(child: Child): void {
    child.delayed = false;
    this.#context.cancelTimer(`backoff:${child.spec.name}`);
  }
}

/**
 * Takes the result as a value. With `reply?.tell(request())` the request would not be carried out if there is no reply.
 */
function answer<R>(reply: ActorRef<R> | undefined, result: R): void {
  reply?.tell(result);
}

function refused(message: string): { readonly ok: false; readonly error: TroupeError } {
  return { ok: false, error: new TroupeError('INVALID_ARGUMENT', { message }) };
}
