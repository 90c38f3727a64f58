// Measures come out in the text format, each instrument once, each registry by itself.
import { describe, expect, it } from 'vitest';
import { createPrometheusTelemetry } from '../../../../src/adapters/telemetry/prometheus.ts';

describe('createPrometheusTelemetry', () => {
  it('counts, gauges and observes under labels', async () => {
    const telemetry = createPrometheusTelemetry({ labels: { node: 'n1' } });
    const options = { name: 'troupe_jobs_total', help: 'Jobs.', labelNames: ['state'] };
    telemetry.counter(options).add(2, { state: 'QUEUED' });
    telemetry.counter(options).add(1, { state: 'QUEUED' });
    telemetry.gauge({ name: 'troupe_depth', help: 'Depth.' }).set(7);
    telemetry.histogram({ name: 'troupe_commit_duration_seconds', help: 'Commit.' }).observe(0.003);
    const text = await telemetry.metricsText();
    expect(text).toContain('troupe_jobs_total{state="QUEUED",node="n1"} 3');
    expect(text).toContain('troupe_depth{node="n1"} 7');
    expect(text).toContain('troupe_commit_duration_seconds_bucket{le="0.002",node="n1"} 0');
    expect(text).toContain('troupe_commit_duration_seconds_bucket{le="0.004",node="n1"} 1');
  });

  it('gives the same instrument for the same name, and refuses another kind or other labels', () => {
    const telemetry = createPrometheusTelemetry();
    const options = { name: 'troupe_a', help: 'A.' };
    expect(telemetry.gauge(options)).toBe(telemetry.gauge(options));
    expect(() => telemetry.counter(options)).toThrow(/invariant/);
    expect(() => telemetry.gauge({ ...options, labelNames: ['x'] })).toThrow(/invariant/);
  });

  it('keeps two registries apart', async () => {
    const one = createPrometheusTelemetry();
    one.gauge({ name: 'troupe_a', help: 'A.' }).set(1);
    const two = createPrometheusTelemetry({ processMetrics: true });
    expect(await two.metricsText()).not.toContain('troupe_a');
    expect(await two.metricsText()).toContain('process_cpu_seconds_total');
    expect(await one.metricsText()).not.toContain('process_cpu');
  });
});
