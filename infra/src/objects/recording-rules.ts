/** What is computed once for alerts and dashboards: the service level of the gateways, over several windows. */
import { counters } from '../../../src/contract/measures.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { Queries } from './promql.ts';

const windows = ['5m', '30m', '1h', '6h', '3d'] as const;
export type Window = (typeof windows)[number];

/** Codes that say that Troupe failed, not that the caller was wrong or too fast. */
const failures = '~INTERNAL|UNKNOWN|UNAVAILABLE|DATA_LOSS|DEADLINE_EXCEEDED';

export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
}

function nameOf(window: Window): string {
  return `troupe:calls_failed:ratio_rate${window}`;
}

/** By which the share of failed calls of one environment is found again. */
export function failedShare({ namespace }: KubernetesEnvironment, window: Window): string {
  return `${nameOf(window)}{namespace="${namespace}"}`;
}

export function recordingRules({ namespace }: KubernetesEnvironment): readonly RecordingRule[] {
  const query = new Queries(namespace);
  return windows.map((window) => {
    const failed = query.rate(counters.grpcRequests, window, [], { code: failures });
    const all = query.rate(counters.grpcRequests, window);
    // Nobody calls: nothing fails.
    const expr = `(${failed} or vector(0)) / (${all} > 0) or vector(0)`;
    return { record: nameOf(window), expr, labels: { namespace } };
  });
}
