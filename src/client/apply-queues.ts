/**
 * Brings the queues of the tenant to what is declared, one after the other. It may be stopped anywhere and called again:
 * every call begins by looking, and does only what is not done.
 */
import { defaultQueueName } from '../domain/queue.ts';
import { TroupeClientError } from './client-error.ts';
import type { QueueInfo, QueueSettingsInput } from './job-types.ts';
import { type DeclaredQueues, planQueue, planQueues, type QueuePlan, type SettingChange } from './queue-plan.ts';
import type { QueuesClient } from './queues-client.ts';

/** `overtaken`: somebody changed the queue between the look and the change; it is looked at again. */
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
  /** Deletes queues that nobody declares; `default` stays, and so does one with unfinished jobs: QUEUE_NOT_EMPTY. */
  readonly prune?: boolean;
}

/** Others may change a queue between the look and the change. */
const overtakenMax = 5;

/** Rejects with the error of the first queue that could not be brought there; what was yielded before is done. */
export async function* applyQueues(
  queues: QueuesClient,
  declared: DeclaredQueues,
  { prune = false }: ApplyOptions = {},
): AsyncGenerator<QueueStep, void> {
  const plans = await plansOf(queues, declared);
  for (const plan of plans) if (plan.kind !== 'undeclared') yield* bring(queues, declared, plan);
  // Last: nothing is taken away before all that is declared is there.
  for (const { kind, name } of plans) {
    if (kind !== 'undeclared') continue;
    const goes = prune && name !== defaultQueueName;
    if (goes) await deleted(queues, name);
    yield { name, done: goes ? 'deleted' : 'undeclared', changes: [] };
  }
}

/** What `applyQueues` would do now. */
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
    // Somebody else was faster.
    if (!isMissing(error)) throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof TroupeClientError && error.code === 'QUEUE_NOT_FOUND';
}
