/** Which handlers may read which secrets, for which tenants: a table of the configuration. What it does not name, nobody gets. */
import { fitsPattern } from './name-pattern.ts';

export interface SecretGrant {
  /** Names of secrets, or their beginnings with `*`. */
  readonly secrets: readonly string[];
  /** Handlers that may read them, in the same form. */
  readonly handlers: readonly string[];
  /** Tenants whose jobs may read them, in the same form. */
  readonly tenants: readonly string[];
}

/** Who asks for a secret: the handler of a job, on behalf of its tenant. */
export interface SecretReader {
  readonly tenant: string;
  readonly handler: string;
}

/** The name of a file, or of one in a folder: `smtp-password`, `smtp/password`. It leads nowhere else. */
export const secretNamePattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,127})?$/;

export function maySee(grants: readonly SecretGrant[], { tenant, handler }: SecretReader, secret: string): boolean {
  return grants.some(
    (grant) => fits(secret, grant.secrets) && fits(handler, grant.handlers) && fits(tenant, grant.tenants),
  );
}

function fits(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => fitsPattern(name, pattern));
}
