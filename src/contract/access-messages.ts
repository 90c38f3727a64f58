/** The messages of the service Access. Made by scripts/contract-types.ts from proto/; do not edit. */
import type { Duration, Timestamp } from './shared-messages.ts';
import type { Tenant, TenantUse } from './tenant-messages.ts';

export type WhoAmIRequest = Readonly<Record<string, never>>;

export interface WhoAmIResponse {
  readonly principal: string;
  readonly kind: number;
  readonly tenant: string | null;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly expireTime: Timestamp | null;
}

export interface TestPermissionRequest {
  readonly permission: string;
  readonly queue: string;
}

export interface TestPermissionResponse {
  readonly allowed: boolean;
}

export type GetOwnTenantRequest = Readonly<Record<string, never>>;

export interface GetOwnTenantResponse {
  readonly tenant: Tenant | null;
  readonly use: TenantUse | null;
}

export interface ServiceAccount {
  readonly name: string;
  readonly roles: readonly string[];
  readonly description: string;
  readonly etag: string;
  readonly createTime: Timestamp | null;
  readonly creator: string;
  readonly keys: readonly ApiKey[];
}

export interface ApiKey {
  readonly id: string;
  readonly state: number;
  readonly createTime: Timestamp | null;
  readonly creator: string;
  readonly expireTime: Timestamp | null;
  readonly revokeTime: Timestamp | null;
  readonly successor: string;
  readonly lastUseTime: Timestamp | null;
}

export interface CreateServiceAccountRequest {
  readonly name: string;
  readonly roles: readonly string[];
  readonly description: string;
}

export interface CreateServiceAccountResponse {
  readonly account: ServiceAccount | null;
}

export interface GetServiceAccountRequest {
  readonly name: string;
}

export interface GetServiceAccountResponse {
  readonly account: ServiceAccount | null;
}

export interface ListServiceAccountsRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface ListServiceAccountsResponse {
  readonly accounts: readonly ServiceAccount[];
  readonly nextPageToken: string;
}

export interface UpdateServiceAccountRequest {
  readonly name: string;
  readonly etag: string;
  readonly roles: readonly string[];
  readonly description: string | null;
}

export interface UpdateServiceAccountResponse {
  readonly account: ServiceAccount | null;
}

export interface DeleteServiceAccountRequest {
  readonly name: string;
}

export type DeleteServiceAccountResponse = Readonly<Record<string, never>>;

export interface CreateApiKeyRequest {
  readonly account: string;
  readonly lifetime: Duration | null;
}

export interface CreateApiKeyResponse {
  readonly key: string;
  readonly details: ApiKey | null;
}

export interface RotateApiKeyRequest {
  readonly account: string;
  readonly keyId: string;
  readonly overlap: Duration | null;
  readonly lifetime: Duration | null;
}

export interface RotateApiKeyResponse {
  readonly key: string;
  readonly details: ApiKey | null;
}

export interface RevokeApiKeyRequest {
  readonly account: string;
  readonly keyId: string;
}

export interface RevokeApiKeyResponse {
  readonly details: ApiKey | null;
}

/** Request and response of each method. */
export interface AccessMethods {
  readonly WhoAmI: readonly [WhoAmIRequest, WhoAmIResponse];
  readonly TestPermission: readonly [TestPermissionRequest, TestPermissionResponse];
  readonly GetOwnTenant: readonly [GetOwnTenantRequest, GetOwnTenantResponse];
  readonly CreateServiceAccount: readonly [CreateServiceAccountRequest, CreateServiceAccountResponse];
  readonly GetServiceAccount: readonly [GetServiceAccountRequest, GetServiceAccountResponse];
  readonly ListServiceAccounts: readonly [ListServiceAccountsRequest, ListServiceAccountsResponse];
  readonly UpdateServiceAccount: readonly [UpdateServiceAccountRequest, UpdateServiceAccountResponse];
  readonly DeleteServiceAccount: readonly [DeleteServiceAccountRequest, DeleteServiceAccountResponse];
  readonly CreateApiKey: readonly [CreateApiKeyRequest, CreateApiKeyResponse];
  readonly RotateApiKey: readonly [RotateApiKeyRequest, RotateApiKeyResponse];
  readonly RevokeApiKey: readonly [RevokeApiKeyRequest, RevokeApiKeyResponse];
}
