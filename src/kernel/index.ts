/** The public interface of the actor kernel. */
export type {
  ActorContext,
  ActorDefinition,
  ActorRef,
  Behavior,
  DeadLetterReason,
  IncarnationEvent,
  Signal,
  StopReason,
  SupervisedChild,
  SupervisedOptions,
} from './actor.ts';
export { ask } from './ask.ts';
export type { AskOptions } from './ask.ts';
export type { DeadLetter } from './dead-letters.ts';
export type { SystemEvent, SystemListener } from './events.ts';
export { createTurnScheduler } from './scheduler.ts';
export type { Runnable, Scheduler } from './scheduler.ts';
export { createActorSystem } from './system.ts';
export type { ActorSystem, ActorSystemOptions } from './system.ts';
export type { ActorState, RestartBudget, TreeNode } from './tree.ts';
