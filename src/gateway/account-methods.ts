/** The methods of Access about service accounts and their API keys. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { durationMs } from '../contract/time.ts';
import { toAccount, toApiKey, toMadeKey } from './account-mapper.ts';
import type { ServiceParts } from './service-parts.ts';

type AccountParts = Pick<ServiceParts, 'scope' | 'useCases' | 'wallMs'>;

export function accountMethods({ scope, useCases, wallMs }: AccountParts): UntypedServiceImplementation {
  const { accounts, apiKeys } = useCases;
  const now = (): { readonly nowMs: number } => ({ nowMs: wallMs() });
  return {
    CreateServiceAccount: scope.unary('CreateServiceAccount', async (request, context) => ({
      account: toAccount(await accounts.create(context, request), now()),
    })),

    GetServiceAccount: scope.read('GetServiceAccount', async (request, context) => {
      const view = await accounts.get(context, request.name);
      return { account: toAccount(view, { ...now(), usedAtMs: view.usedAtMs }) };
    }),

    ListServiceAccounts: scope.read('ListServiceAccounts', async (request, context) => {
      const page = await accounts.list(context, request);
      return {
        accounts: page.accounts.map((account) => toAccount(account, now())),
        nextPageToken: page.nextPageToken,
      };
    }),

    UpdateServiceAccount: scope.unary('UpdateServiceAccount', async (request, context) => {
      const { name, etag, roles, description } = request;
      const change = { name, etag, roles, description: description ?? undefined };
      return { account: toAccount(await accounts.update(context, change), now()) };
    }),

    DeleteServiceAccount: scope.unary('DeleteServiceAccount', async (request, context) => {
      await accounts.remove(context, request.name);
      return {};
    }),

    CreateApiKey: scope.unary('CreateApiKey', async ({ account, lifetime }, context) =>
      toMadeKey(await apiKeys.create(context, { account, lifetimeMs: durationMs(lifetime) }), now()),
    ),

    RotateApiKey: scope.unary('RotateApiKey', async ({ account, keyId, overlap, lifetime }, context) => {
      const times = { overlapMs: durationMs(overlap), lifetimeMs: durationMs(lifetime) };
      return toMadeKey(await apiKeys.rotate(context, { account, keyId, ...times }), now());
    }),

    RevokeApiKey: scope.unary('RevokeApiKey', async ({ account, keyId }, context) => ({
      details: toApiKey(await apiKeys.revoke(context, { account, keyId }), now()),
    })),
  };
}
