/** What is on /metrics, for whoever builds on it without being part of the cluster, such as alerts and dashboards. */
export { counters, gauges, histograms } from '../domain/measures.ts';
