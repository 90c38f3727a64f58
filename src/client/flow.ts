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

/** What is absent keeps its value; null takes a limit away. */
export interface FlowInput {
  /** No job starts while it is true. */
  readonly paused?: boolean;
  /** Jobs of the queue that run at a time. Null: no limit. */
  readonly maxRunning?: number | null;
  /** Jobs with one concurrency key that run at a time. Null: the default, 1. */
  readonly maxRunningPerKey?: number | null;
  /** Without `burst`: what one second brings. Null: no limit. */
  readonly rate?: { readonly perSecond: number; readonly burst?: number } | null;
  /** Turns of a fairness key compared with others, which have 1. Replaces all weights of the queue. */
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
