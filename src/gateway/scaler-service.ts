/**
 * The methods of KEDA's ExternalScaler. They return how many slots of a worker class are wanted. KEDA's HPA divides
 * them among pods.
 */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { CallContext } from '../application/ports/call-context.ts';
import type { Telemetry } from '../application/ports/runtime.ts';
import type { WorkerDemand } from '../application/scaling/worker-demand.ts';
import type * as wire from '../contract/external-scaler.ts';
import { type Demand, slotsOf } from '../domain/demand.ts';
import { TroupeError } from '../domain/errors.ts';
import { gauges } from '../domain/measures.ts';
import type { CallScope } from './call-scope.ts';
import { readScaledClass, type ScaledClass } from './scaler-metadata.ts';

export interface ScalerServiceParts {
  readonly demand: WorkerDemand;
  readonly scope: CallScope;
  readonly telemetry: Telemetry;
  /** Streams that may be open at once. */
  readonly streamsMax: number;
}

/** Classes with their own metrics. The limit is needed because callers choose the names. */
const measuredMax = 100;

export function scalerService({
  demand,
  scope,
  telemetry,
  streamsMax,
}: ScalerServiceParts): UntypedServiceImplementation {
  const measure = demandMeasure(telemetry);
  let streams = 0;

  async function read(context: CallContext, wanted: ScaledClass): Promise<Demand> {
    const found = await demand.read(context, wanted);
    measure(wanted, found);
    return found;
  }

  async function* changes(context: CallContext, ref: wire.ScaledObjectRef): AsyncGenerator<{ result: boolean }, void> {
    const wanted = readScaledClass(ref);
    if (streams >= streamsMax) {
      throw new TroupeError('OVERLOADED', {
        message: 'too many streams are open',
        metadata: { limit: String(streamsMax) },
        retryAfterMs: 5_000,
      });
    }
    streams += 1;
    try {
      for await (const result of demand.watch(context, wanted)) yield { result };
    } finally {
      streams -= 1;
    }
  }

  return {
    IsActive: scope.unary('IsActive', async (ref, context) => ({
      result: slotsOf(await read(context, readScaledClass(ref))) > 0,
    })),

    StreamIsActive: scope.stream('StreamIsActive', (ref, context) => changes(context, ref)),

    GetMetricSpec: scope.unary('GetMetricSpec', async (ref) => {
      const wanted = readScaledClass(ref);
      const { slotsPerPod } = wanted;
      return {
        // KEDA's HPA divides the metric by the target, so this yields the number of pods.
        metricSpecs: [{ metricName: metricName(wanted), targetSize: slotsPerPod, targetSizeFloat: slotsPerPod }],
      };
    }),

    GetMetrics: scope.unary('GetMetrics', async ({ scaledObjectRef, metricName: asked }, context) => {
      const wanted = readScaledClass(scaledObjectRef);
      const name = metricName(wanted);
      if (asked !== name) throw unknownMetric(asked, name);
      const slots = slotsOf(await read(context, wanted));
      return { metricValues: [{ metricName: name, metricValue: slots, metricValueFloat: slots }] };
    }),
  };
}

function metricName({ name }: ScaledClass): string {
  return `troupe-demand-${name}`;
}

function unknownMetric(asked: string, name: string): TroupeError {
  const description = `must be ${name}`;
  return new TroupeError('INVALID_ARGUMENT', {
    message: `metricName ${description}, not ${JSON.stringify(asked.slice(0, 100))}`,
    violations: [{ field: 'metricName', description }],
  });
}

function demandMeasure(telemetry: Telemetry): (wanted: ScaledClass, found: Demand) => void {
  const gauge = telemetry.gauge({
    ...gauges.workerDemandSlots,
    help: 'Slots that the autoscaler of a worker class was asked to provide, for running and for waiting jobs.',
  });
  const measured = new Set<string>();
  return ({ name }, { running, waiting }) => {
    if (!measured.has(name) && measured.size >= measuredMax) return;
    measured.add(name);
    gauge.set(running, { worker_class: name, standing: 'running' });
    gauge.set(waiting, { worker_class: name, standing: 'waiting' });
  };
}
