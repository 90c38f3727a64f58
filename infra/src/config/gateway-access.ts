/** Who may call the gateways: callers with tokens of issuers or with API keys, or everyone who reaches them. */
import { z } from 'zod';
import {
  bindingText,
  builtInRoles,
  isIdentity,
  isPermission,
  parseBinding,
  roleOf,
} from '../../../src/contract/access-names.ts';
import { wordRecord } from '../../../src/contract/word-record.ts';
import { peer } from './network.ts';
import { dnsLabel } from './primitives.ts';

const name = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'is 1 to 64 of A-Z a-z 0-9 _ -');
const claim = z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(8)]);
/** Ends up in a ConfigMap, which is no place for a password. */
export const httpsUrl = z
  .url({ protocol: /^https$/, error: 'is a URL that begins with https://' })
  .refine((text) => !/^[^/]*\/\/[^/?#]*@/.test(text), 'holds no user and no password');
const permission = z.string().refine(isPermission, 'is a permission: docs/reference/access.md lists them');

/** A role for all queues, or for some: `submitter@reports-*`. */
const binding = z.string().refine((text) => parseBinding(text) !== undefined, bindingText);

/** As in `gateway.issuers` of the configuration (docs/operating/access.md), but for files. */
const issuer = z.strictObject({
  name,
  issuer: httpsUrl,
  audience: z.string().min(1),
  keysUrl: httpsUrl.optional(),
  algorithms: z
    .array(z.enum(['RS256', 'PS256', 'ES256', 'EdDSA']))
    .min(1)
    .optional(),
  tenant: name.optional(),
  tenantClaim: claim.optional(),
  groupsClaim: claim.optional(),
  roles: z.array(binding).optional(),
  groupRoles: wordRecord(z.string(), z.array(binding)).optional(),
});

/** Roles of your own: lists of permissions. */
const ownRoles = wordRecord(name, z.array(permission).min(1))
  .refine((all) => !Object.keys(all).some(isBuiltIn), 'do not redefine a built-in role')
  .default({});

/** Whom the URI of a certificate names, as in `gateway.certificates.identities`. */
const identity = z.strictObject({
  uri: z.string().refine(isIdentity, 'is a URI such as spiffe://corp/ns/billing, or ends with /*'),
  tenant: name.optional(),
  roles: z.array(binding).min(1),
});

const issuers = z
  .array(issuer)
  .max(16)
  .refine((all) => areDistinct(all.map((one) => one.name)), 'have different names')
  .refine((all) => areDistinct(all.map((one) => one.issuer)), 'have different issuers');
/** Where the keys of the issuers are fetched. Default: port 443 of any address. */
const toIssuers = z.array(peer).min(1).optional();
const rolesExist = 'name roles that exist: built-in ones, and those of `roles`';

/** There is no default: whoever opens a cluster to everyone says so. */
export const gatewayAccess = z.discriminatedUnion(
  'kind',
  [
    z
      .strictObject({
        kind: z.literal('issuers'),
        issuers: issuers.min(1),
        /** API keys of service accounts are accepted, too. */
        apiKeys: z.boolean().default(false),
        roles: ownRoles,
        to: toIssuers,
      })
      .refine(({ issuers, roles }) => haveRoles(rolesOf(issuers), roles), { path: ['issuers'], error: rolesExist }),
    /** API keys of service accounts alone. The operator token makes the first account. */
    z.strictObject({ kind: z.literal('apiKeys'), roles: ownRoles }),
    /** Certificates of clients, on a port of their own, and perhaps tokens of issuers or API keys on the other one. */
    z
      .strictObject({
        kind: z.literal('certificates'),
        /** A Secret whose `ca.crt` has the authorities that certify the clients. */
        caSecret: dnsLabel,
        identities: z
          .array(identity)
          .min(1)
          .max(1_000)
          .refine((all) => areDistinct(all.map(({ uri }) => uri)), 'have different URIs'),
        issuers: issuers.default([]),
        apiKeys: z.boolean().default(false),
        roles: ownRoles,
        to: toIssuers,
      })
      .refine(({ issuers, roles }) => haveRoles(rolesOf(issuers), roles), { path: ['issuers'], error: rolesExist })
      .refine(
        ({ identities, roles }) =>
          haveRoles(
            identities.flatMap((one) => one.roles.map(roleOf)),
            roles,
          ),
        {
          path: ['identities'],
          error: rolesExist,
        },
      ),
    /** Everyone who reaches a gateway can do everything with jobs and queues. */
    z.strictObject({ kind: z.literal('none') }),
  ],
  {
    error:
      "says who may call: { kind: 'issuers', issuers: […] }, { kind: 'apiKeys' }, { kind: 'certificates', … }, or { kind: 'none' } for everyone who " +
      'reaches a gateway',
  },
);

function areDistinct(texts: readonly string[]): boolean {
  return new Set(texts).size === texts.length;
}

function haveRoles(names: readonly string[], own: Readonly<Record<string, unknown>>): boolean {
  return names.every((name) => isBuiltIn(name) || Object.hasOwn(own, name));
}

function isBuiltIn(role: string): boolean {
  return Object.hasOwn(builtInRoles, role);
}

function rolesOf(issuers: readonly z.infer<typeof issuer>[]): readonly string[] {
  return issuers
    .flatMap(({ roles = [], groupRoles = {} }) => [...roles, ...Object.values(groupRoles).flat()])
    .map(roleOf);
}

export type GatewayAccess = z.infer<typeof gatewayAccess>;

/** True if callers can have a token or an API key. */
export function hasCredentials(access: GatewayAccess): boolean {
  switch (access.kind) {
    case 'issuers':
    case 'apiKeys':
      return true;
    case 'certificates':
      return access.apiKeys || access.issuers.length > 0;
    case 'none':
      return false;
  }
}

/** The issuers whose tokens are accepted, and where their keys are fetched. */
export function issuersOf(access: GatewayAccess): Pick<Extract<GatewayAccess, { kind: 'issuers' }>, 'issuers' | 'to'> {
  switch (access.kind) {
    case 'issuers':
    case 'certificates':
      return access;
    case 'apiKeys':
    case 'none':
      return { issuers: [] };
  }
}
