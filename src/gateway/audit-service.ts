/** The methods of Audit. Those of the tenant and those of the cluster differ in whose rows they read, and in nothing else. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { clusterScope, tenantScope } from '../application/audit/audit-log.ts';
import { numberOf } from '../contract/int64.ts';
import type * as wire from '../contract/messages.ts';
import { timestampMs } from '../contract/time.ts';
import { fromAuditFilter, toAuditChain, toAuditEntry, toAuditRows } from './audit-mapper.ts';
import type { ServiceParts } from './service-parts.ts';

type AuditParts = Pick<ServiceParts, 'scope' | 'useCases' | 'admission'>;

export function auditService({ scope, useCases: { audit }, admission }: AuditParts): UntypedServiceImplementation {
  const headsOf = (heads: readonly wire.AuditHead[]) =>
    heads.map(({ writer, rows, hash }) => ({ writer, rows: numberOf(rows), hash }));
  const rangeOf = ({ startTime, endTime, resumeToken }: wire.ExportAuditEntriesRequest) => ({
    startMs: timestampMs(startTime),
    endMs: timestampMs(endTime),
    resumeToken,
  });
  return {
    ListAuditEntries: scope.read('ListAuditEntries', async (request, context) => {
      const found = await audit.list(context, tenantScope(context.tenant), fromAuditFilter(request));
      return { entries: found.entries.map(toAuditEntry), nextPageToken: found.nextPageToken };
    }),

    ListClusterAuditEntries: scope.read('ListClusterAuditEntries', async (request, context) => {
      const found = await audit.list(context, clusterScope(), fromAuditFilter(request));
      return { entries: found.entries.map(toAuditEntry), nextPageToken: found.nextPageToken };
    }),

    ExportAuditEntries: scope.stream('ExportAuditEntries', (request, context) =>
      admission.watch(
        context.tenant,
        () => audit.export(context, tenantScope(context.tenant), rangeOf(request)),
        (found) => ({ rows: toAuditRows(found), resumeToken: found.resumeToken }),
      ),
    ),

    ExportClusterAuditEntries: scope.stream('ExportClusterAuditEntries', (request, context) =>
      admission.watch(
        context.tenant,
        () => audit.export(context, clusterScope(), rangeOf(request)),
        (found) => ({ rows: toAuditRows(found), resumeToken: found.resumeToken }),
      ),
    ),

    VerifyAudit: scope.read('VerifyAudit', async ({ day, heads }, context) => {
      const query = { day, heads: headsOf(heads) };
      return { chains: (await audit.verify(context, tenantScope(context.tenant), query)).map(toAuditChain) };
    }),

    VerifyClusterAudit: scope.read('VerifyClusterAudit', async ({ day, heads }, context) => {
      const query = { day, heads: headsOf(heads) };
      return { chains: (await audit.verify(context, clusterScope(), query)).map(toAuditChain) };
    }),
  };
}
