/** Keys of the gateway about its callers: who they are, and what they may do. */
import { z } from 'zod';
import { isPermission } from '../domain/access/permission.ts';
import { bindingText, parseBinding } from '../domain/access/role-binding.ts';
import { isIdentity } from '../domain/access/client-certificate.ts';
import { builtInRoles } from '../domain/access/role.ts';
import { namePattern } from '../domain/queue.ts';
import { wordRecord } from '../contract/word-record.ts';
import { key, path, port, token } from './schema-key.ts';

const tokenAlgorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const;

const issuersMax = 16;

/** One name, or a list of names that lead to a claim, one for each level. */
const claimPath = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1).max(8)])
  .transform((names) => (typeof names === 'string' ? [names] : names));

/** Roles, each for all queues or for some: `submitter`, `submitter@reports-*`. */
const roleNames = z.array(z.string().refine((text) => parseBinding(text) !== undefined, bindingText)).max(64);

/** An address whose answers nobody on the way can forge: HTTPS, or this machine. */
const keysUrl = z
  .string()
  .refine(isSafeUrl, 'must be a URL that begins with https://, or with http:// on loopback, and holds no user');

const issuer = z
  .strictObject({
    name: token,
    issuer: z.string().min(1).max(1_024),
    audience: z.string().min(1).max(1_024),
    keysUrl: keysUrl.optional(),
    caPath: path.optional(),
    bearerPath: path.optional(),
    algorithms: z
      .array(z.enum(tokenAlgorithms))
      .min(1)
      .default([...tokenAlgorithms]),
    tenant: z.string().regex(namePattern, 'must be 1 to 64 of A-Z a-z 0-9 _ -').optional(),
    tenantClaim: claimPath.optional(),
    groupsClaim: claimPath.default(['groups']),
    roles: roleNames.default([]),
    groupRoles: wordRecord(z.string(), roleNames).default({}),
  })
  .refine(({ tenant, tenantClaim }) => tenant === undefined || tenantClaim === undefined, {
    path: ['tenantClaim'],
    error: 'must not be set together with tenant, which is the tenant of all tokens of the issuer',
  });

const identity = z.strictObject({
  uri: z
    .string()
    .refine(
      isIdentity,
      'must be a URI such as spiffe://corp/ns/billing, or end with /*, without other *, %, ?, # or empty parts',
    ),
  tenant: z.string().regex(namePattern, 'must be 1 to 64 of A-Z a-z 0-9 _ -').optional(),
  roles: roleNames.min(1),
});

const identitiesMax = 1_000;

const certificates = z
  .strictObject({
    port: key(port.optional(), {
      meaning:
        'Port of a second gRPC listener on `gateway.host`, for clients that show a certificate. Their certificate is their credential.',
      consequence:
        'With it every call needs a credential, on both ports. It needs `gateway.tls`. 0 takes any free port.',
      defaultNote: 'none',
    }),
    caPath: key(path.optional(), {
      meaning: 'PEM file with the authorities that certify these clients.',
      consequence:
        'Read again when it changes, within 10 s. Connections that exist go on until they are `gateway.connectionAgeMaxMs` old.',
      defaultNote: 'none',
    }),
    identities: key(
      z
        .array(identity)
        .max(identitiesMax)
        .refine((all) => new Set(all.map(({ uri }) => uri)).size === all.length, 'must have different URIs')
        .default([]),
      {
        meaning:
          'Whom the URI of a certificate names: `uri` (whole, or the beginning of URIs with `/*` at its end; the longest one counts), `tenant` and `roles`.',
        consequence: 'A certificate whose URI is in none of them is refused. At most 1,000.',
        defaultNote: 'none',
      },
    ),
  })
  .prefault({});

const permission = z.string().refine(isPermission, 'is not a permission: docs/reference/access.md lists them');

export const authKeys = {
  auth: key(z.enum(['required', 'none']).default('required'), {
    meaning:
      'Whether callers must show a credential. On loopback none is needed as long as there are no issuers, no API keys and no port for certificates.',
    consequence:
      'With `none`, everyone who reaches the port can do everything with jobs and queues of the tenant `default`, and see the cluster.',
  }),
  apiKeys: key(z.boolean().default(false), {
    meaning: 'Whether API keys of service accounts are accepted. `troupe accounts` and `troupe keys` make them.',
    consequence: 'If so, every call needs a credential.',
  }),
  tenants: key(z.enum(['open', 'listed']).default('open'), {
    meaning:
      'Which tenants may call. `open`: every tenant that a credential names. `listed`: those that `troupe tenants create` has made, and `default`.',
    consequence:
      'With `listed`, callers of other tenants are refused with TOKEN_INVALID. A tenant that was made is let in within 5 s.',
  }),
  issuers: key(
    z
      .array(issuer)
      .max(issuersMax)
      .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'must have different names')
      .refine((all) => new Set(all.map(({ issuer: iss }) => iss)).size === all.length, 'must have different issuers')
      .refine((all) => all.every(({ issuer: iss, keysUrl: url }) => url !== undefined || isSafeUrl(iss)), {
        error: 'must have keysUrl, unless the issuer is an https:// URL that says where its keys are',
      })
      .default([]),
    {
      meaning: 'Issuers of the tokens (JWT) that callers send. docs/operating/access.md describes each part.',
      consequence: 'With at least one, every call needs a token. At most 16.',
      defaultNote: 'none',
    },
  ),
  certificates,
  roles: key(
    wordRecord(token, z.array(permission).min(1))
      .refine((all) => !Object.keys(all).some((name) => Object.hasOwn(builtInRoles, name)), {
        error: `must not redefine a built-in role (${Object.keys(builtInRoles).join(', ')})`,
      })
      .default({}),
    {
      meaning: 'Roles of your own: names with lists of permissions.',
      consequence: 'Issuers can give them like the built-in ones.',
      defaultNote: 'none',
    },
  ),
};

/** A name and a password in it would be in the log whenever the address does not answer: `bearerPath` is for those. */
function isSafeUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '') return false;
  return (
    url.protocol === 'https:' || (url.protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname))
  );
}
