/** All services that callers reach, by gRPC and in JSON: what encodes their messages, and what answers. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Contract, MethodCodec } from '../contract/codec.ts';
import { accessService } from './access-service.ts';
import { auditService } from './audit-service.ts';
import { clusterService } from './cluster-service.ts';
import { eventsService } from './events-service.ts';
import type { ServiceParts } from './service-parts.ts';
import { jobsService, queuesService } from './services.ts';
import { tenantsService } from './tenants-service.ts';
import type { ServedMethods } from './web/json-calls.ts';

type ServedService = readonly [
  codecs: Readonly<Record<string, MethodCodec<unknown, unknown>>>,
  functions: UntypedServiceImplementation,
];

export function servicesOf(contract: Contract, parts: ServiceParts): readonly ServedService[] {
  const services = [
    [contract.jobs, jobsService(parts)],
    [contract.queues, queuesService(parts)],
    [contract.cluster, clusterService(parts)],
    [contract.access, accessService(parts)],
    [contract.tenants, tenantsService(parts)],
    [contract.audit, auditService(parts)],
    [contract.events, eventsService(parts)],
  ] as const;
  // Unchecked cast: each codec belongs to the function of its name, whatever their messages are.
  return services as unknown as readonly ServedService[];
}

/** By the path of the method. */
export function methodsOf(services: readonly ServedService[]): ServedMethods {
  return new Map(
    services.flatMap(([codecs, functions]) => {
      const handles = new Map(Object.entries(functions));
      return Object.entries(codecs).map(([name, codec]) => [codec.path, { codec, handle: handles.get(name) }] as const);
    }),
  );
}
