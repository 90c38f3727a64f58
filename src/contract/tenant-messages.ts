/** The messages of the service Tenants. Made by scripts/contract-types.ts from proto/; do not edit. */
import type { Int64, Timestamp } from './shared-messages.ts';

export interface Tenant {
  readonly name: string;
  readonly state: number;
  readonly description: string;
  readonly quotas: TenantQuotas | null;
  readonly etag: string;
  readonly createTime: Timestamp | null;
  readonly creator: string;
  readonly stateTime: Timestamp | null;
  readonly pauseReason: string;
  readonly nameFreeTime: Timestamp | null;
  readonly weight: number;
  readonly dedicated: boolean;
  readonly encrypted: boolean;
}

export interface TenantQuotas {
  readonly submitsPerSecond: number | null;
  readonly streams: number | null;
  readonly queues: number | null;
  readonly serviceAccounts: number | null;
  readonly runningJobs: number | null;
  readonly unfinishedJobs: number | null;
  readonly storedBytes: Int64 | null;
}

export interface TenantUse {
  readonly submitsPerSecond: number;
  readonly streams: number;
  readonly queues: number;
  readonly serviceAccounts: number;
  readonly runningJobs: number;
  readonly unfinishedJobs: number;
  readonly storedBytes: Int64;
}

export interface CreateTenantRequest {
  readonly name: string;
  readonly description: string;
  readonly quotas: TenantQuotas | null;
  readonly weight: number | null;
  readonly dedicated: boolean | null;
  readonly encrypted: boolean | null;
}

export interface CreateTenantResponse {
  readonly tenant: Tenant | null;
}

export interface GetTenantRequest {
  readonly name: string;
}

export interface GetTenantResponse {
  readonly tenant: Tenant | null;
  readonly use: TenantUse | null;
}

export interface ListTenantsRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface ListTenantsResponse {
  readonly tenants: readonly Tenant[];
  readonly nextPageToken: string;
}

export interface UpdateTenantRequest {
  readonly name: string;
  readonly etag: string;
  readonly description: string | null;
  readonly quotas: TenantQuotas | null;
  readonly weight: number | null;
  readonly dedicated: boolean | null;
  readonly encrypted: boolean | null;
}

export interface UpdateTenantResponse {
  readonly tenant: Tenant | null;
}

export interface PauseTenantRequest {
  readonly name: string;
  readonly reason: string;
}

export interface PauseTenantResponse {
  readonly tenant: Tenant | null;
}

export interface ResumeTenantRequest {
  readonly name: string;
}

export interface ResumeTenantResponse {
  readonly tenant: Tenant | null;
}

export interface DeleteTenantRequest {
  readonly name: string;
}

export interface DeleteTenantResponse {
  readonly phase: number;
  readonly queue: string;
  readonly jobsCancelled: number;
  readonly queuesDeleted: number;
  readonly accountsDeleted: number;
}

/** Request and response of each method. */
export interface TenantsMethods {
  readonly CreateTenant: readonly [CreateTenantRequest, CreateTenantResponse];
  readonly GetTenant: readonly [GetTenantRequest, GetTenantResponse];
  readonly ListTenants: readonly [ListTenantsRequest, ListTenantsResponse];
  readonly UpdateTenant: readonly [UpdateTenantRequest, UpdateTenantResponse];
  readonly PauseTenant: readonly [PauseTenantRequest, PauseTenantResponse];
  readonly ResumeTenant: readonly [ResumeTenantRequest, ResumeTenantResponse];
  readonly DeleteTenant: readonly [DeleteTenantRequest, DeleteTenantResponse];
}
