/** Who may call the gateway, from the configuration. */
import { readFileSync } from 'node:fs';
import { fetchDocument } from '../adapters/issuers/fetch-document.ts';
import type { IssuerSettings } from '../adapters/issuers/issuer-settings.ts';
import { createTokenVerifier } from '../adapters/issuers/token-verifier.ts';
import type { Config } from '../config/index.ts';
import { rolesWith } from '../domain/access/role.ts';
import { type Authenticator, createAuthenticator } from '../gateway/access/authenticator.ts';
import { isLoopback } from '../gateway/listen-error.ts';
import { checkFile } from './access.ts';
import type { CredentialFiles } from './credential-files.ts';
import type { ProcessRuntime } from './runtime.ts';

export function gatewayAuthenticator(
  gateway: Config['gateway'],
  files: CredentialFiles,
  { clock, log }: Pick<ProcessRuntime, 'clock' | 'log'>,
): Authenticator {
  const { issuers } = gateway;
  const token = files.operatorToken(gateway);
  const withoutCredential = allowedToAnyone(gateway, token !== undefined);
  sayWhoMayCall(gateway, withoutCredential, log);
  const verifier = () =>
    createTokenVerifier({
      issuers: issuers.map(issuerSettings),
      roles: rolesWith(gateway.roles),
      fetchDocument,
      clock,
      log: log.child({ component: 'access' }),
    });
  return createAuthenticator({
    operatorToken: token,
    tokens: issuers.length > 0 ? verifier() : undefined,
    withoutCredential,
  });
}

/**
 * With `auth: none` others may reach a gateway on loopback, too: through a proxy or a tunnel. So there it allows no more
 * than elsewhere.
 */
export function allowedToAnyone(
  { auth, host, issuers }: Pick<Config['gateway'], 'auth' | 'host' | 'issuers'>,
  hasOperatorToken: boolean,
): 'nothing' | 'work' | 'everything' {
  if (issuers.length > 0) return 'nothing';
  return isLoopback(host) && auth === 'required' && !hasOperatorToken ? 'everything' : 'work';
}

function sayWhoMayCall(
  { auth, host, issuers }: Config['gateway'],
  withoutCredential: 'nothing' | 'work' | 'everything',
  log: ProcessRuntime['log'],
): void {
  const fields = { event: 'gateway.access', auth, host, issuers: issuers.map(({ name }) => name), withoutCredential };
  if (withoutCredential === 'nothing') log.info(fields, 'every call needs a token of a configured issuer');
  else if (isLoopback(host) && auth === 'required')
    log.info(fields, 'calls need no credential, because the gateway listens on loopback only');
  else log.warn(fields, 'calls need no credential: everyone who reaches the port can work with all jobs and queues');
  for (const { name, roles, groupRoles } of issuers) {
    if (roles.length > 0 || Object.keys(groupRoles).length > 0) continue;
    const text = 'tokens of this issuer allow nothing: give it roles or groupRoles in gateway.issuers';
    log.warn({ event: 'gateway.issuer-without-roles', issuer: name }, text);
  }
}

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
      tenant: tenant === undefined ? { claim: tenantClaim } : { fixed: tenant },
      groupsClaim,
      roles,
      groupRoles,
    },
    ca: () => (caPath === undefined ? undefined : readFileSync(caPath)),
    bearer: () => (bearerPath === undefined ? undefined : readFileSync(bearerPath, 'utf8').trim()),
  };
}
