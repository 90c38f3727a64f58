/**
 * Keeps the quarantines of queues on this node in step with their marks. A queue on which the local supervisor gave up
 * gets a mark that everybody sees. When the marks of a queue are gone, its actors are resumed. A mark that could not be
 * written because NATS is unavailable is written again later.
 */
import { namePattern } from '../../domain/queue.ts';
import type { SupervisorMessage } from '../../supervisor/index.ts';
import type { QueueMark } from '../../application/ports/queue-quarantines.ts';
import type { ActorContext, StopReason } from '../../kernel/index.ts';
import type { AdminMessage } from './admin-message.ts';
import { textOf } from './event-log.ts';
import { queueOfPath, queuesPath } from './node-paths.ts';
import type { AdminServices } from './node-view.ts';

export class NodeQuarantines {
  readonly #services: AdminServices;
  readonly #context: ActorContext<AdminMessage>;
  /** Marks that are not written yet, by queue. At most one per queue of this node. */
  readonly #unwritten = new Map<string, QueueMark>();
  readonly #writing = new Set<string>();

  constructor(services: AdminServices, context: ActorContext<AdminMessage>) {
    this.#services = services;
    this.#context = context;
  }

  /** The supervisor of a queue's actor has given up on it. */
  failed(path: string, reason: StopReason): void {
    const queue = queueOfPath(path);
    if (queue === undefined || !namePattern.test(queue.name)) return;
    const why = reason.kind === 'failed' ? textOf(reason.error) : 'it stopped again and again';
    this.#unwritten.set(`${queue.tenant}/${queue.name}`, {
      tenant: queue.tenant,
      queue: queue.name,
      node: this.#services.node.nodeId,
      reason: `its actor failed too often: ${why}`.slice(0, 256),
      sinceMs: this.#context.clock.nowMs(),
    });
    this.#write();
  }

  /** The result of writing a mark. A failed write stays in `#unwritten` and is repeated by `mend`. */
  marked(key: string, outcome: PromiseSettledResult<void>): void {
    this.#writing.delete(key);
    if (outcome.status === 'fulfilled') this.#unwritten.delete(key);
    else
      this.#context.log.warn({ err: outcome.reason, queue: key }, 'quarantine of a queue not written; it is retried');
  }

  /** Brings marks and actors into line. Called whenever the marks have changed, and periodically. */
  mend(): void {
    this.#write();
    const queues = this.#context.refAt<SupervisorMessage>(queuesPath);
    for (const { path, state } of this.#services.system.tree()) {
      const queue = state === 'suspended' ? queueOfPath(path) : undefined;
      if (queue === undefined || this.#isHeld(queue)) continue;
      queues.tell({ kind: 'resume', name: path.slice(queuesPath.length + 1) });
    }
  }

  /** Whether the queue has a mark for this node, written or not. */
  #isHeld({ tenant, name }: { readonly tenant: string; readonly name: string }): boolean {
    if (this.#unwritten.has(`${tenant}/${name}`)) return true;
    return this.#services.quarantines.of(tenant, name).some(({ node }) => node === this.#services.node.nodeId);
  }

  #write(): void {
    for (const [key, mark] of this.#unwritten) {
      if (this.#writing.has(key)) continue;
      this.#writing.add(key);
      this.#context.pipeToSelf(this.#services.quarantines.put(mark), (outcome) => ({ kind: 'marked', key, outcome }));
    }
  }
}
