/** The methods of Tenants. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { given } from '../domain/given.ts';
import type * as wire from '../contract/messages.ts';
import type { ServiceParts } from './service-parts.ts';
import { fromQuotas, toDeletionStep, toTenant } from './tenant-mapper.ts';

export function tenantsService({ scope, admission, useCases }: ServiceParts): UntypedServiceImplementation {
  const { tenants, deleteTenant } = useCases;
  return {
    CreateTenant: scope.unary('CreateTenant', async ({ name, description, quotas, ...settings }, context) => {
      const made = { name, description, quotas: fromQuotas(quotas), ...settingsOf(settings) };
      return { tenant: toTenant(await tenants.create(context, made)) };
    }),

    GetTenant: scope.read('GetTenant', async ({ name }, context) => {
      const { use, ...stored } = await tenants.get(context, name);
      return { tenant: toTenant(stored), use };
    }),

    ListTenants: scope.read('ListTenants', async (request, context) => {
      const page = await tenants.list(context, request);
      return { tenants: page.tenants.map(toTenant), nextPageToken: page.nextPageToken };
    }),

    UpdateTenant: scope.unary('UpdateTenant', async ({ name, etag, description, quotas, ...settings }, context) => {
      const change = {
        name,
        etag,
        description: description ?? undefined,
        quotas: fromQuotas(quotas),
        ...settingsOf(settings),
      };
      return { tenant: toTenant(await tenants.update(context, change)) };
    }),

    PauseTenant: scope.unary('PauseTenant', async (request, context) => ({
      tenant: toTenant(await tenants.pause(context, request)),
    })),

    ResumeTenant: scope.unary('ResumeTenant', async ({ name }, context) => ({
      tenant: toTenant(await tenants.resume(context, name)),
    })),

    DeleteTenant: scope.stream('DeleteTenant', ({ name }, context) =>
      admission.watch(context.tenant, () => deleteTenant(context, name), toDeletionStep),
    ),
  };
}

function settingsOf({
  weight,
  dedicated,
  encrypted,
}: Pick<wire.UpdateTenantRequest, 'weight' | 'dedicated' | 'encrypted'>): {
  readonly weight?: number;
  readonly dedicated?: boolean;
  readonly encrypted?: boolean;
} {
  return given({ weight: weight ?? undefined, dedicated: dedicated ?? undefined, encrypted: encrypted ?? undefined });
}
