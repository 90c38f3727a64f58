/** What holds the jobs of a queue back, beside the lack of a free thread. Part of a queue's settings. */
export interface RateRule {
  /** Starts per second, over the whole cluster. */
  readonly perSecond: number;
  /** Starts that may come at once after a quiet time. */
  readonly burst: number;
}

/** Every part is optional; without any the queue runs as fast as there are threads. */
export interface FlowRule {
  /** No job of the queue starts; what runs goes on. */
  readonly paused?: boolean;
  /** Runs at a time, over the whole cluster. */
  readonly maxRunning?: number;
  /** Runs at a time that have the same concurrency key. Absent: 1. */
  readonly maxRunningPerKey?: number;
  readonly rate?: RateRule;
  /** Share of a fairness key beside the others; a key that is not named has 1. */
  readonly fairnessWeights?: Readonly<Record<string, number>>;
}

export const defaultMaxRunningPerKey = 1;
/** Characters. */
export const concurrencyKeyMax = 256;
/** Characters. */
export const fairnessKeyMax = 64;
/** Keys that a queue gives a weight. */
export const fairnessWeightsMax = 256;

/** Whether anything holds back jobs that have no key of their own. */
export function isPlain(rule: FlowRule): boolean {
  return rule.paused !== true && rule.maxRunning === undefined && rule.rate === undefined;
}
