/**
 * Checks the flow rule that a caller requests for a queue, and merges it with the present rule. A limit of 0 removes
 * the limit.
 */
import { fairnessKeyMax, fairnessWeightsMax, type FlowRule, type RateRule } from '../../domain/flow-rule.ts';
import { burstRange, perKeyRange, rateRange, runningRange, weightRange } from '../../domain/setting-ranges.ts';
import type { FieldChecks } from '../calls/field-checks.ts';
import { given } from '../../domain/given.ts';

/** Absent fields keep their value. */
export interface FlowRequest {
  readonly paused?: boolean | undefined;
  readonly maxRunning?: number | undefined;
  readonly maxRunningPerKey?: number | undefined;
  readonly rate?: { readonly perSecond: number; readonly burst?: number | undefined } | undefined;
  /** The whole set of weights. It replaces the present one. */
  readonly fairnessWeights?: Readonly<Record<string, number>> | undefined;
}

/** `prefix` is the path of the rule in the contract. */
export function checkFlow(checks: FieldChecks, prefix: string, flow: FlowRequest | undefined): void {
  if (flow === undefined) return;
  checks.limit(`${prefix}.max_running`, flow.maxRunning, runningRange);
  checks.limit(`${prefix}.max_running_per_key`, flow.maxRunningPerKey, perKeyRange);
  if (flow.rate !== undefined && flow.rate.perSecond !== 0) {
    checks.range(`${prefix}.rate.per_second`, flow.rate.perSecond, rateRange);
    checks.range(`${prefix}.rate.burst`, flow.rate.burst, burstRange);
  }
  const weights = Object.entries(flow.fairnessWeights ?? {});
  if (weights.length > fairnessWeightsMax) {
    checks.add(`${prefix}.fairness_weights`, `must name at most ${fairnessWeightsMax} keys`);
  }
  for (const [key, weight] of weights) {
    checks.length(`${prefix}.fairness_weights[${key.slice(0, fairnessKeyMax)}]`, key, fairnessKeyMax);
    checks.range(`${prefix}.fairness_weights[${key.slice(0, fairnessKeyMax)}]`, weight, weightRange);
  }
}

/** Undefined if no limit remains. */
export function mergeFlow(request: FlowRequest | undefined, base: FlowRule | undefined): FlowRule | undefined {
  if (request === undefined) return base;
  const paused = request.paused ?? base?.paused;
  const maxRunning = request.maxRunning ?? base?.maxRunning ?? 0;
  const maxRunningPerKey = request.maxRunningPerKey ?? base?.maxRunningPerKey ?? 0;
  const rate = request.rate === undefined ? base?.rate : rateOf(request.rate);
  const weights = Object.entries(request.fairnessWeights ?? base?.fairnessWeights ?? {}).filter(([, one]) => one > 1);
  const rule: FlowRule = given({
    paused: paused === true ? paused : undefined,
    maxRunning: maxRunning > 0 ? maxRunning : undefined,
    maxRunningPerKey: maxRunningPerKey > 0 ? maxRunningPerKey : undefined,
    rate,
    fairnessWeights: weights.length > 0 ? Object.fromEntries(weights.slice(0, fairnessWeightsMax)) : undefined,
  });
  return Object.keys(rule).length === 0 ? undefined : rule;
}

/** The default burst is the rate of one second. */
function rateOf({ perSecond, burst }: NonNullable<FlowRequest['rate']>): RateRule | undefined {
  return perSecond === 0 ? undefined : { perSecond, burst: burst ?? Math.max(1, Math.ceil(perSecond)) };
}
