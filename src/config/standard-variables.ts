/**
 * Variables that OpenTelemetry defines for every program. They count where nothing of ours says anything, so that what a
 * platform sets for all of its programs works here, too.
 */
import { ownValue } from '../domain/own-value.ts';
import type { Environment } from './environment.ts';
import { addFlags, type LayeredValues } from './layers.ts';

const tracesPath = 'v1/traces';

export function addStandardVariables(layers: LayeredValues, environment: Environment): void {
  const said = (name: string): string => ownValue(environment, name)?.trim() ?? '';
  const add = (path: string, variable: string, value: string | undefined): void => {
    if (value !== undefined && !layers.sources.has(path))
      addFlags(layers, { [path]: value }, `environment ${variable}`);
  };
  if (said('OTEL_SDK_DISABLED').toLowerCase() === 'true' || said('OTEL_TRACES_EXPORTER') === 'none') return;
  add('traces.ratio', 'OTEL_TRACES_SAMPLER', ratioOf(said('OTEL_TRACES_SAMPLER'), said('OTEL_TRACES_SAMPLER_ARG')));
  // A collector that is spoken to by gRPC has another port.
  if ((said('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') || said('OTEL_EXPORTER_OTLP_PROTOCOL')) === 'grpc') return;
  const url = said('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  const base = said('OTEL_EXPORTER_OTLP_ENDPOINT');
  if (url !== '') add('traces.url', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', url);
  else if (base !== '') add('traces.url', 'OTEL_EXPORTER_OTLP_ENDPOINT', `${base.replace(/\/$/, '')}/${tracesPath}`);
}

/** Undefined for a sampler that says no ratio. */
function ratioOf(sampler: string, argument: string): string | undefined {
  switch (sampler.replace(/^parentbased_/, '')) {
    case 'always_on':
      return '1';
    case 'always_off':
      return '0';
    case 'traceidratio':
      return argument === '' ? '1' : argument;
    default:
      return undefined;
  }
}
