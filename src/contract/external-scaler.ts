/** KEDA's contract in code: encodes and decodes `proto/keda/externalscaler.proto`. */
import protobuf from 'protobufjs';
import { type MethodCodec, serviceCodec } from './codec.ts';
import type { Int64 } from './messages.ts';
import { protoDir } from './root.ts';

export interface ScaledObjectRef {
  readonly name: string;
  readonly namespace: string;
  readonly scalerMetadata: Readonly<Record<string, string>>;
}

export interface IsActiveResponse {
  readonly result: boolean;
}

export interface MetricSpec {
  readonly metricName: string;
  readonly targetSize: Int64;
  readonly targetSizeFloat: number;
}

export interface GetMetricSpecResponse {
  readonly metricSpecs: readonly MetricSpec[];
}

export interface GetMetricsRequest {
  readonly scaledObjectRef: ScaledObjectRef | null;
  readonly metricName: string;
}

export interface MetricValue {
  readonly metricName: string;
  readonly metricValue: Int64;
  readonly metricValueFloat: number;
}

export interface GetMetricsResponse {
  readonly metricValues: readonly MetricValue[];
}

export type ExternalScalerContract = {
  readonly IsActive: MethodCodec<ScaledObjectRef, IsActiveResponse>;
  readonly StreamIsActive: MethodCodec<ScaledObjectRef, IsActiveResponse>;
  readonly GetMetricSpec: MethodCodec<ScaledObjectRef, GetMetricSpecResponse>;
  readonly GetMetrics: MethodCodec<GetMetricsRequest, GetMetricsResponse>;
};

export function loadExternalScaler(): ExternalScalerContract {
  const root = new protobuf.Root();
  root.loadSync(`${protoDir}keda/externalscaler.proto`);
  root.resolveAll();
  // Unchecked cast: a test calls each method with a client that parses the .proto file itself.
  return serviceCodec(root, 'externalscaler.ExternalScaler') as unknown as ExternalScalerContract;
}
