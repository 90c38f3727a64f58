/** Who may call the gateway, from the configuration. */
import { readFileSync } from 'node:fs';
import { fetchDocument } from '../adapters/issuers/fetch-document.ts';
import type { IssuerSettings } from '../adapters/issuers/issuer-settings.ts';
import { RefusalLog } from '../adapters/issuers/refusal-log.ts';
import { createTokenVerifier } from '../adapters/issuers/token-verifier.ts';
import { createKeyVerifier } from '../application/access/key-verifier.ts';
import type { DocumentStore } from '../application/ports/document-store.ts';
import type { KnownTenants } from '../application/tenants/known-tenants.ts';
import type { Config } from '../config/index.ts';
import { given } from '../domain/given.ts';
import { CertificateTable } from '../domain/access/client-certificate.ts';
import type { Roles } from '../domain/access/role.ts';
import { type Authenticator, createAuthenticator } from '../gateway/access/authenticator.ts';
import { createCertificateVerifier } from '../gateway/access/certificate-verifier.ts';
import { createTenantCheck, type TenantCheck } from '../gateway/access/tenant-check.ts';
import { isLoopback } from '../gateway/listen-error.ts';
import { checkFile } from './access.ts';
import type { CredentialFiles } from './credential-files.ts';
import { operatorWatch } from './operator-watch.ts';
import type { ProcessRuntime } from './runtime.ts';

export interface AccessParts {
  readonly runtime: Pick<ProcessRuntime, 'clock' | 'log' | 'telemetry'>;
  readonly files: CredentialFiles;
  readonly documents: DocumentStore;
  readonly roles: Roles;
}

export function gatewayAuthenticator(gateway: Config['gateway'], parts: AccessParts): Authenticator {
  const { files, documents, roles } = parts;
  const { clock, telemetry } = parts.runtime;
  const log = parts.runtime.log.child({ component: 'access' });
  const { issuers } = gateway;
  const token = files.operatorToken(gateway);
  const withoutCredential = allowedToAnyone(gateway, token !== undefined);
  sayWhoMayCall(gateway, withoutCredential, { log: parts.runtime.log, hasOperatorToken: token !== undefined });
  const verifier = () =>
    createTokenVerifier({
      issuers: issuers.map(issuerSettings),
      roles,
      fetchDocument,
      clock,
      log,
      telemetry,
    });
  const refusals = new RefusalLog({ clock, log });
  const keys = () => createKeyVerifier({ documents, roles, clock, refused: (reason) => refusals.say(reason) });
  const table = new CertificateTable(gateway.certificates.identities, roles);
  const certificates = () => createCertificateVerifier({ table, clock, refused: (reason) => refusals.say(reason) });
  return createAuthenticator({
    operatorToken: token,
    ...given({
      operatorCalled: withoutCredential === 'nothing' ? operatorWatch({ clock, log, telemetry }) : undefined,
    }),
    tokens: issuers.length > 0 ? verifier() : undefined,
    keys: gateway.apiKeys ? keys() : undefined,
    certificates: gateway.certificates.port === undefined ? undefined : certificates(),
    withoutCredential,
  });
}

export function gatewayTenants(
  { tenants }: Pick<Config['gateway'], 'tenants'>,
  { runtime, known }: { readonly runtime: Pick<ProcessRuntime, 'clock' | 'log'>; readonly known: KnownTenants },
): TenantCheck {
  const log = runtime.log.child({ component: 'access' });
  const refusals = new RefusalLog({ clock: runtime.clock, log });
  return createTenantCheck({ known, mustBeMade: tenants === 'listed', refused: (reason) => refusals.say(reason) });
}

type AskingKeys = Pick<Config['gateway'], 'auth' | 'host' | 'issuers' | 'apiKeys' | 'certificates'>;

/**
 * With `auth: none` others may reach a gateway on loopback, too: through a proxy or a tunnel. So there it allows no more
 * than elsewhere.
 */
export function allowedToAnyone(
  { auth, host, issuers, apiKeys, certificates }: AskingKeys,
  hasOperatorToken: boolean,
): 'nothing' | 'work' | 'everything' {
  if (issuers.length > 0 || apiKeys || certificates.port !== undefined) return 'nothing';
  return isLoopback(host) && auth === 'required' && !hasOperatorToken ? 'everything' : 'work';
}

function sayWhoMayCall(
  { auth, host, issuers, apiKeys, certificates }: Config['gateway'],
  withoutCredential: 'nothing' | 'work' | 'everything',
  { log, hasOperatorToken }: { readonly log: ProcessRuntime['log']; readonly hasOperatorToken: boolean },
): void {
  const names = issuers.map(({ name }) => name);
  const takesCertificates = certificates.port !== undefined;
  const fields = { event: 'gateway.access', auth, host, issuers: names, apiKeys, takesCertificates, withoutCredential };
  if (apiKeys && issuers.length === 0 && !takesCertificates && !hasOperatorToken)
    log.warn(
      fields,
      'every call needs an API key, and nobody can make the first one here: set gateway.operatorTokenPath',
    );
  else if (withoutCredential === 'nothing') log.info(fields, 'every call needs a credential');
  else if (isLoopback(host) && auth === 'required')
    log.info(fields, 'calls need no credential, because the gateway listens on loopback only');
  else log.warn(fields, 'calls need no credential: everyone who reaches the port can work with all jobs and queues');
  for (const { name, roles, groupRoles } of issuers) {
    if (roles.length > 0 || Object.keys(groupRoles).length > 0) continue;
    const text = 'tokens of this issuer allow nothing: give it roles or groupRoles in gateway.issuers';
    log.warn({ event: 'gateway.issuer-without-roles', issuer: name }, text);
  }
}

const defaultTenantClaim = ['tenant'];

/** The files are read again at each fetch of keys, so that they may be rotated. A wrong path is reported now. */
function issuerSettings(issuer: Config['gateway']['issuers'][number], index: number): IssuerSettings {
  const { name, tenant, tenantClaim, groupsClaim, roles, groupRoles, caPath, bearerPath, ...rest } = issuer;
  checkFile(`gateway.issuers.${index}.caPath`, caPath);
  checkFile(`gateway.issuers.${index}.bearerPath`, bearerPath);
  return {
    ...rest,
    keysUrl: issuer.keysUrl,
    mapping: {
      issuer: name,
      tenant: tenant === undefined ? { claim: tenantClaim ?? defaultTenantClaim } : { fixed: tenant },
      groupsClaim,
      roles,
      groupRoles,
    },
    ca: () => (caPath === undefined ? undefined : readFileSync(caPath)),
    bearer: () => (bearerPath === undefined ? undefined : readFileSync(bearerPath, 'utf8').trim()),
  };
}
