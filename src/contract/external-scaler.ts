/** KEDA's contract in code: encodes and decodes `proto/keda/externalscaler.proto`. */
import protobuf from 'protobufjs';
import { type ServiceCodec, serviceCodec } from './codec.ts';
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

export interface ExternalScalerMethods {
  readonly IsActive: readonly [ScaledObjectRef, IsActiveResponse];
  readonly StreamIsActive: readonly [ScaledObjectRef, IsActiveResponse];
  readonly GetMetricSpec: readonly [ScaledObjectRef, GetMetricSpecResponse];
  readonly GetMetrics: readonly [GetMetricsRequest, GetMetricsResponse];
}

/** A test calls each method with a client that parses the .proto file itself. */
export function loadExternalScaler(): ServiceCodec<ExternalScalerMethods> {
  const root = new protobuf.Root();
  root.loadSync(`${protoDir}keda/externalscaler.proto`);
  root.resolveAll();
  return serviceCodec(root, 'externalscaler.ExternalScaler');
}
