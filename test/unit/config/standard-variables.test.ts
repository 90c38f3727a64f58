// Variables of OpenTelemetry: what they mean for traces, and what wins over them.
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../../src/config/index.ts';

const tracesOf = (env: Record<string, string>, fileText = '') => loadConfig({ env, fileText }).traces;
const base = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' };

describe('variables of OpenTelemetry', () => {
  it('say where spans go', () => {
    expect(tracesOf({})).toEqual({ ratio: 0.01 });
    expect(tracesOf(base).url).toBe('http://collector:4318/v1/traces');
    const own = { ...base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces.example.com/otlp' };
    expect(tracesOf(own).url).toBe('https://traces.example.com/otlp');
  });

  it.each([
    { OTEL_SDK_DISABLED: 'true' },
    { OTEL_TRACES_EXPORTER: 'none' },
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc' },
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc' },
  ])('mean no traces: %j', (more) => {
    expect(tracesOf({ ...base, ...more }).url).toBeUndefined();
  });

  it('do nothing that a setting of Troupe says otherwise', () => {
    const sampler = { OTEL_TRACES_SAMPLER: 'always_on' };
    expect(tracesOf({ ...base, ...sampler, TROUPE_TRACES_URL: 'http://mine:1', TROUPE_TRACES_RATIO: '0.5' })).toEqual({
      url: 'http://mine:1',
      ratio: 0.5,
    });
    expect(tracesOf({ ...base, ...sampler }, 'traces: {url: http://mine:1, ratio: 0}')).toEqual({
      url: 'http://mine:1',
      ratio: 0,
    });
  });

  it.each([
    ['always_on', '', 1],
    ['always_off', '', 0],
    ['parentbased_always_on', '', 1],
    ['traceidratio', '0.25', 0.25],
    ['parentbased_traceidratio', '', 1],
    ['jaeger_remote', '', 0.01],
  ])('say the ratio: %s %s', (sampler, argument, ratio) => {
    expect(tracesOf({ OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: argument }).ratio).toBe(ratio);
  });

  it.each([
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'collector:4318' }, 'traces.url', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'],
    [{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '7' }, 'traces.ratio', 'OTEL_TRACES_SAMPLER'],
    [{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: 'x' }, 'traces.ratio', 'OTEL_TRACES_SAMPLER'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://u:p@c:1' }, 'traces.url', 'OTEL_EXPORTER_OTLP_ENDPOINT'],
  ])('that are wrong are named: %j', (env, path, variable) => {
    const load = () => loadConfig({ env });
    expect(load).toThrow(ConfigError);
    expect(load).toThrow(path);
    expect(load).toThrow(variable);
  });
});
