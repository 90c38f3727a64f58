/**
 * A shard: the only writer of its jobs. A start of the actor is a recovery: it takes the shard over and reads it from
 * the store, so a crash costs a restart and nothing else. The shard makes every decision in memory and gathers
 * decisions into a group commit. It answers callers and publishes only after the commit is durable. A claim is the
 * exception: it is answered at once, unless its job may start only once.
 */
import type { ShardHandler } from '../../application/ports/shard-link.ts';
import type { ItemResult, ShardVerb, ShardVerbs } from '../../application/ports/shard-protocol.ts';
import { TroupeError } from '../../domain/errors.ts';
import type { ActorContext, ActorDefinition, Behavior } from '../../kernel/actor.ts';
import { ShardCore } from './core/shard-core.ts';
import type { Batch, ShardMessage } from './services/shard-message.ts';
import type { ShardServices } from './services/shard-services.ts';
import { SilentRuns } from './silent-runs.ts';
import { performBatch } from './verbs/shard-verbs.ts';
import { beginRecovery } from './commit/recovery.ts';

const tickMs = 1_000;

export function shardActor(shard: number, services: ShardServices): ActorDefinition<ShardMessage> {
  return {
    kind: 'shard',
    mailboxCapacity: services.limits.mailboxCapacity,
    start: (context) => startShard(shard, services, context),
  };
}

async function startShard(
  shard: number,
  services: ShardServices,
  context: ActorContext<ShardMessage>,
): Promise<Behavior<ShardMessage>> {
  const beganMs = context.clock.monotonicMs();
  await services.flowRules.prepare();
  const core = new ShardCore(shard, services, context, await beginRecovery(services, shard));
  // Limiters are made while the shard is loaded, and rules may change after that.
  const stopListening = listen(core);
  try {
    await core.load();
  } catch (error) {
    stopListening();
    core.stop();
    throw error;
  }
  const started = new Shard(core, stopListening);
  tellTaken(core, Math.round(context.clock.monotonicMs() - beganMs));
  return started;
}

class Shard implements Behavior<ShardMessage> {
  readonly #core: ShardCore;
  readonly #silentRuns: SilentRuns;
  /** Batches that lie in the mailbox. */
  readonly #waiting = new Set<Batch>();
  readonly #stopServing: () => void;
  readonly #stopListening: () => void;
  #handingOver = false;

  constructor(core: ShardCore, stopListening: () => void) {
    this.#core = core;
    this.#stopListening = stopListening;
    this.#silentRuns = new SilentRuns(core);
    this.#stopServing = core.services.server.serveShard(core.shard, handlerOf(core, this.#waiting));
    this.#tickLater();
  }

  receive(message: ShardMessage): void {
    const core = this.#core;
    switch (message.kind) {
      case 'batch':
        this.#perform(message);
        break;
      case 'flush':
        core.flush();
        break;
      case 'flush-soon':
        core.flushRest();
        break;
      case 'flushed':
        core.flushed(message.bucket, message.outcome);
        break;
      case 'answered':
        message.handle();
        break;
      case 'tick':
        this.#silentRuns.lose();
        core.tick();
        this.#tickLater();
        break;
      case 'deadline':
        core.deadlinesDue();
        break;
      case 'flow-rules':
        core.limiters.applyRules();
        break;
      case 'turns-left':
        core.limiters.goOn();
        break;
      case 'quota-needs-changed':
        core.limiters.questions.turnOver();
        break;
      case 'quota-due':
        core.limiters.questions.askDue();
        break;
      case 'usage-due':
        core.quotaHome.hear(message.shard);
        break;
      case 'look-turn':
        core.dispatcher.look(message.turn);
        break;
      case 'streams-replaced':
        core.dispatcher.sendAllAgain();
        break;
      case 'bucket-published':
        core.checkHandOver();
        break;
      case 'hand-over':
        this.#handingOver = true;
        this.#stopServing();
        core.handOver(message.done);
        break;
    }
    core.keys.send();
  }

  onStop(): void {
    this.#stopServing();
    this.#stopListening();
    this.#core.stop();
    // The shard has not looked at the batches in its mailbox, so nothing was done for them.
    for (const batch of this.#waiting) batch.refuse(unavailable(this.#core.shard));
  }

  #perform(batch: Batch): void {
    this.#waiting.delete(batch);
    if (this.#handingOver) {
      // A grant given now could start a run that the next owner does not know of.
      batch.refuse(unavailable(this.#core.shard));
      return;
    }
    batch.perform();
    this.#core.askFlush();
  }

  #tickLater(): void {
    this.#core.context.setTimer('tick', tickMs, { kind: 'tick' });
  }
}

function tellTaken({ context, shard, epoch, table }: ShardCore, tookMs: number): void {
  context.log.info({ event: 'shard.taken', shard, epoch, jobs: table.size, tookMs }, 'shard recovered');
}

/** Listens for changes of the flow rules, which happen outside of the shard. */
function listen({ services: { flowRules }, limiters, context: { self } }: ShardCore): () => void {
  return flowRules.onChange((tenant, queue) => {
    limiters.noteRule(tenant, queue);
    // A full mailbox drops this message. The next tick applies the rules anyway.
    self.tell({ kind: 'flow-rules' });
  });
}

function unavailable(shard: number): TroupeError {
  return new TroupeError('SHARD_UNAVAILABLE', { metadata: { shard: String(shard) } });
}

/**
 * The entry point for callers. If the mailbox is full, the batch is refused at once and nothing was done. Every batch
 * is answered or refused.
 */
function handlerOf(core: ShardCore, waiting: Set<Batch>): ShardHandler {
  const { self } = core.context;
  return <V extends ShardVerb>(verb: V, items: readonly ShardVerbs[V]['item'][]) =>
    new Promise<readonly ItemResult<ShardVerbs[V]['result']>[]>((resolve, reject) => {
      const perform = (): void => performBatch(core, verb, items, resolve);
      const batch: Batch = { kind: 'batch', perform, refuse: reject };
      if (self.tell(batch)) waiting.add(batch);
      else reject(new TroupeError('OVERLOADED', { retryAfterMs: 200, metadata: { path: self.path } }));
    });
}
