/**
 * Brings the queues of the tenant to the declared state, one at a time. It may be interrupted at any point and called
 * again, because each call first reads the present state and does only what is missing.
 */
import { defaultQueueName } from '../domain/queue.ts';
import { TroupeClientError } from './client-error.ts';
import type { QueueInfo, QueueSettingsInput } from './job-types.ts';
import { type DeclaredQueues, planQueue, planQueues, type QueuePlan, type SettingChange } from './queue-plan.ts';
import type { QueuesClient } from './queues-client.ts';

/**
 * One step of `applyQueues`. `overtaken` means that the queue changed between the read and the write, so it is read
 * again.
 */
export interface QueueStep {
  /** Name of the queue. */
  readonly name: string;
  /** What was done. */
  readonly done: 'created' | 'updated' | 'unchanged' | 'undeclared' | 'deleted' | 'overtaken';
  /** Settings that changed. */
  readonly changes: readonly SettingChange[];
}

/** How settings are applied. */
export interface ApplyOptions {
  /**
   * Also delete queues that are not declared. The queue `default` always stays. A queue with unfinished jobs stays,
   * too, and makes the call reject with QUEUE_NOT_EMPTY. Default: false.
   */
  readonly prune?: boolean;
}

/** How often a queue that others keep changing is tried. */
const overtakenMax = 5;

/**
 * Applies the declaration and yields each step. Rejects with the error of the first queue that fails; the steps that
 * were yielded before have been carried out.
 */
export async function* applyQueues(
  queues: QueuesClient,
  declared: DeclaredQueues,
  { prune = false }: ApplyOptions = {},
): AsyncGenerator<QueueStep, void> {
  const plans = await plansOf(queues, declared);
  for (const plan of plans) if (plan.kind !== 'undeclared') yield* bring(queues, declared, plan);
  // Undeclared queues come last, so that nothing is deleted before everything that is declared exists.
  for (const { kind, name } of plans) {
    if (kind !== 'undeclared') continue;
    const goes = prune && name !== defaultQueueName;
    if (goes) await deleted(queues, name);
    yield { name, done: goes ? 'deleted' : 'undeclared', changes: [] };
  }
}

/** Resolves to what `applyQueues` would do now. It changes nothing. */
export async function plansOf(queues: QueuesClient, declared: DeclaredQueues): Promise<readonly QueuePlan[]> {
  const present: QueueInfo[] = [];
  for await (const queue of queues.list()) present.push(queue);
  return planQueues(declared, present);
}

async function* bring(
  queues: QueuesClient,
  declared: DeclaredQueues,
  plan: QueuePlan,
): AsyncGenerator<QueueStep, void> {
  const { name } = plan;
  const settings = declared.get(name) ?? {};
  let next = plan;
  for (let tries = 1; ; tries += 1) {
    try {
      yield await carryOut(queues, next, settings);
      return;
    } catch (error) {
      if (!isOvertaken(error) || tries === overtakenMax) throw error;
      yield { name, done: 'overtaken', changes: [] };
      next = planQueue(name, settings, await lookedUp(queues, name));
    }
  }
}

async function carryOut(queues: QueuesClient, plan: QueuePlan, settings: QueueSettingsInput): Promise<QueueStep> {
  const { kind, name } = plan;
  switch (kind) {
    case 'create':
      await queues.create(name, settings);
      return { name, done: 'created', changes: plan.changes };
    case 'update':
      await queues.update(name, plan.version, plan.settings);
      return { name, done: 'updated', changes: plan.changes };
    case 'unchanged':
    case 'undeclared':
      return { name, done: kind, changes: [] };
  }
}

function isOvertaken(error: unknown): boolean {
  if (!(error instanceof TroupeClientError)) return false;
  return ['QUEUE_EXISTS', 'QUEUE_VERSION_CONFLICT', 'QUEUE_NOT_FOUND'].includes(error.code);
}

async function lookedUp(queues: QueuesClient, name: string): Promise<QueueInfo | undefined> {
  try {
    return await queues.get(name);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function deleted(queues: QueuesClient, name: string): Promise<void> {
  try {
    await queues.delete(name);
  } catch (error) {
    // Another client has deleted the queue.
    if (!isMissing(error)) throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof TroupeClientError && error.code === 'QUEUE_NOT_FOUND';
}
