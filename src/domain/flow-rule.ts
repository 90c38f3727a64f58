/** The settings of a queue that limit how its jobs start, apart from the number of free slots. */
/** A limit on the rate of starts. */
export interface RateRule {
  /** Starts per second in the whole cluster. */
  readonly perSecond: number;
  /** Starts that may come at once after a quiet period. */
  readonly burst: number;
}

/** All parts are optional. Without any, a queue runs as fast as there are slots. */
export interface FlowRule {
  /** No job of the queue starts. Running attempts continue. Default: false. */
  readonly paused?: boolean;
  /** Attempts that may run at a time in the whole cluster. Default: no limit. */
  readonly maxRunning?: number;
  /** Attempts with the same concurrency key that may run at a time. Default: 1. */
  readonly maxRunningPerKey?: number;
  /** Default: no limit. */
  readonly rate?: RateRule;
  /** Weights of fairness keys relative to each other. A key without an entry has weight 1. */
  readonly fairnessWeights?: Readonly<Record<string, number>>;
}

export const defaultMaxRunningPerKey = 1;
/** In characters. */
export const concurrencyKeyMax = 256;
/** In characters. */
export const fairnessKeyMax = 64;
/** The number of fairness keys that a queue may give a weight. */
export const fairnessWeightsMax = 256;
