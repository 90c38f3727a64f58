/** The metrics on /metrics, for programs outside the cluster, such as the generators of alerts and dashboards. */
export { counters, gauges, histograms } from '../domain/measures.ts';
