/** From the claims of a verified token to a principal. The mapping is configuration; nothing here is decided by code. */
import { namePattern } from '../queue.ts';
import { given } from '../given.ts';
import { ownValue } from '../own-value.ts';
import type { Principal } from './principal.ts';
import { grantsOf, type Roles } from './role.ts';

/** The names that lead to a claim, one for each level: `['kubernetes.io', 'namespace']`. */
type ClaimPath = readonly string[];

export interface ClaimMapping {
  /** Name of the issuer in the configuration. It begins the ids of its principals. */
  readonly issuer: string;
  /** A fixed tenant for all tokens of the issuer, or the claim that names it. */
  readonly tenant: { readonly fixed: string } | { readonly claim: ClaimPath };
  /** A text, or a list of texts. */
  readonly groupsClaim: ClaimPath;
  /** The roles that every token of the issuer has. */
  readonly roles: readonly string[];
  /** Further roles by group. */
  readonly groupRoles: Readonly<Record<string, readonly string[]>>;
}

export interface VerifiedClaims {
  readonly subject: string;
  readonly expiresAtMs: number;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Groups of one token beyond this number count for nothing: a directory may put thousands into a token. */
const groupsMax = 500;
/** Of the queues, and beginnings of queues, for which a permission is held: they go with each submit. */
const patternsMax = 64;
/** Of the id of a token. */
const credentialMaxLength = 128;

/** Throws an Error, whose text is for the log, if the claims do not fit the mapping. */
export function principalOfClaims(verified: VerifiedClaims, mapping: ClaimMapping, roles: Roles): Principal {
  const { subject, expiresAtMs, claims } = verified;
  const groups = textsOf(claimAt(claims, mapping.groupsClaim)).slice(0, groupsMax);
  const names = [...mapping.roles, ...groups.flatMap((group) => ownValue(mapping.groupRoles, group) ?? [])];
  const sorted = [...new Set(names)].sort();
  const grants = grantsOf(roles, sorted);
  for (const [permission, patterns] of grants.onlyIn) {
    if (patterns.length <= patternsMax) continue;
    throw new Error(`its groups give ${permission} in ${patterns.length} places, and ${patternsMax} are the most`);
  }
  const id = claimAt(claims, ['jti']);
  return {
    kind: 'subject',
    id: `jwt:${mapping.issuer}:${subject}`,
    tenant: tenantOf(claims, mapping.tenant),
    roles: sorted,
    ...grants,
    expiresAtMs,
    ...given({ credential: typeof id === 'string' ? id.slice(0, credentialMaxLength) : undefined }),
  };
}

/** No claim is no tenant. A claim that is no name of a tenant is a mistake of the issuer, and no tenant is assumed. */
function tenantOf(claims: VerifiedClaims['claims'], rule: ClaimMapping['tenant']): string | undefined {
  if ('fixed' in rule) return rule.fixed;
  const value = claimAt(claims, rule.claim);
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && namePattern.test(value)) return value;
  throw new Error(`the claim ${rule.claim.join(' > ')} is not the name of a tenant`);
}

function claimAt(claims: Readonly<Record<string, unknown>>, path: ClaimPath): unknown {
  let value: unknown = claims;
  for (const name of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = ownValue(value as Readonly<Record<string, unknown>>, name);
  }
  return value;
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
