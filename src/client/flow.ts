/** Limits on the starts of a queue, in the form that users of the client set and read. */
import type { Init } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import { given } from '../domain/given.ts';

/** Limits on the starts of a queue. */
export interface FlowInfo {
  /** If true, no job starts. Running jobs continue. */
  readonly paused: boolean;
  /** Jobs that may run at a time in the whole cluster. Absent if there is no limit. */
  readonly maxRunning?: number;
  /** Jobs with the same concurrency key that may run at a time. Absent if it is the default, 1. */
  readonly maxRunningPerKey?: number;
  /** Starts per second, and the starts that may come at once after a quiet time. Absent if there is no limit. */
  readonly rate?: { readonly perSecond: number; readonly burst: number };
  /** Weights of fairness keys. All other keys have weight 1. */
  readonly fairnessWeights: Readonly<Record<string, number>>;
}

/** Changes of the limits. Absent fields keep their values, and null removes a limit. */
export interface FlowInput {
  /** If true, no job starts. Running jobs continue, and submits are accepted. Default of a new queue: false. */
  readonly paused?: boolean;
  /** Jobs of the queue that may run at a time: 1 to 1,000,000. Null: no limit. */
  readonly maxRunning?: number | null;
  /** Jobs with the same concurrency key that may run at a time: 1 to 100,000. Null: the default, 1. */
  readonly maxRunningPerKey?: number | null;
  /**
   * Starts per second (0.001 to 100,000) and burst (1 to 100,000; default: the starts of one second, at least 1). Null:
   * no limit.
   */
  readonly rate?: { readonly perSecond: number; readonly burst?: number } | null;
  /**
   * Weights of fairness keys: at most 256 keys, 1 to 1,000 each. All other keys have weight 1. Replaces all weights of
   * the queue.
   */
  readonly fairnessWeights?: Readonly<Record<string, number>>;
}

export function toFlow(flow: FlowInput): Init<wire.FlowRule> {
  return { ...flow };
}

export function fromFlow(flow: wire.FlowRule | null | undefined): FlowInfo {
  const { paused, maxRunning, maxRunningPerKey, rate, fairnessWeights } = flow ?? {};
  return {
    paused: paused ?? false,
    ...given({
      maxRunning: typeof maxRunning === 'number' ? maxRunning : undefined,
      maxRunningPerKey: typeof maxRunningPerKey === 'number' ? maxRunningPerKey : undefined,
      rate: rate ? { perSecond: rate.perSecond, burst: rate.burst ?? 1 } : undefined,
    }),
    fairnessWeights: fairnessWeights ?? {},
  };
}
