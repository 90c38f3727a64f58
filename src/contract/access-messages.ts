/** The messages of the service Access. Made by scripts/contract-types.ts from proto/; do not edit. */
import type { Timestamp } from './shared-messages.ts';

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
}

export interface TestPermissionResponse {
  readonly allowed: boolean;
}

/** Request and response of each method. */
export interface AccessMethods {
  readonly WhoAmI: readonly [WhoAmIRequest, WhoAmIResponse];
  readonly TestPermission: readonly [TestPermissionRequest, TestPermissionResponse];
}
