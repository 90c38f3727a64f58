/**
 * Series that are computed once for alerts and dashboards: the share of failed calls of the gateways, over several
 * windows.
 */
import { counters } from '../../../src/contract/measures.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { Queries } from './promql.ts';

const windows = ['5m', '30m', '1h', '6h', '3d'] as const;
export type Window = (typeof windows)[number];

/** Codes for failures of Troupe, as opposed to wrong or too frequent calls. */
const failures = '~INTERNAL|UNKNOWN|UNAVAILABLE|DATA_LOSS|DEADLINE_EXCEEDED';

export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
}

function nameOf(window: Window): string {
  return `troupe:calls_failed:ratio_rate${window}`;
}

/** Selects the recorded share of failed calls of one environment. */
export function failedShare({ namespace }: KubernetesEnvironment, window: Window): string {
  return `${nameOf(window)}{namespace="${namespace}"}`;
}

export function recordingRules({ namespace }: KubernetesEnvironment): readonly RecordingRule[] {
  const query = new Queries(namespace);
  return windows.map((window) => {
    const failed = query.rate(counters.grpcRequests, window, [], { code: failures });
    const all = query.rate(counters.grpcRequests, window);
    // Without calls the share is 0.
    const expr = `(${failed} or vector(0)) / (${all} > 0) or vector(0)`;
    return { record: nameOf(window), expr, labels: { namespace } };
  });
}
