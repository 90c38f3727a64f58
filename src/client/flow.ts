/** What holds the jobs of a queue back, as users of the client give and see it. */
import type { Init } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';

/** What holds the jobs of a queue back. */
export interface FlowInfo {
  /** No job starts; what runs goes on. */
  readonly paused: boolean;
  /** Jobs that run at a time, over the whole cluster. Absent: no limit. */
  readonly maxRunning?: number;
  /** Of those with the same concurrency key; absent: 1. */
  readonly maxRunningPerKey?: number;
  /** Absent: no limit. */
  readonly rate?: { readonly perSecond: number; readonly burst: number };
  /** Shares of fairness keys beside the others, which have 1. */
  readonly fairnessWeights: Readonly<Record<string, number>>;
}

/** What is absent keeps its value; a limit of 0 takes it away. */
export interface FlowInput {
  /** No job starts while it is true. */
  readonly paused?: boolean;
  /** Jobs of the queue that run at a time; 0: no limit. */
  readonly maxRunning?: number;
  /** Jobs with one concurrency key that run at a time. */
  readonly maxRunningPerKey?: number;
  /** Without `burst`: what one second brings. */
  readonly rate?: { readonly perSecond: number; readonly burst?: number };
  /** Turns of a fairness key compared with others, which have 1. */
  readonly fairnessWeights?: Readonly<Record<string, number>>;
}

export function toFlow(flow: FlowInput): Init<wire.FlowRule> {
  return { ...flow };
}

export function fromFlow(flow: wire.FlowRule | null | undefined): FlowInfo {
  const { paused, maxRunning, maxRunningPerKey, rate, fairnessWeights } = flow ?? {};
  return {
    paused: paused ?? false,
    ...(typeof maxRunning === 'number' && { maxRunning }),
    ...(typeof maxRunningPerKey === 'number' && { maxRunningPerKey }),
    ...(rate && { rate: { perSecond: rate.perSecond, burst: rate.burst ?? 1 } }),
    fairnessWeights: fairnessWeights ?? {},
  };
}
