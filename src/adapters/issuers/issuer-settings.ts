/** What the configuration says about an issuer. */
import type { ClaimMapping } from '../../domain/access/token-claims.ts';

export interface IssuerSettings {
  readonly mapping: ClaimMapping;
  /** The exact `iss` of its tokens. */
  readonly issuer: string;
  /** What `aud` must contain. */
  readonly audience: string;
  readonly algorithms: readonly string[];
  /** Where its keys are. Undefined: its discovery document says so. */
  readonly keysUrl: string | undefined;
  /** Reads the PEM of the authorities that certify its server, each time anew. */
  readonly ca: () => Buffer | undefined;
  /** Reads the token that its server asks for, each time anew. */
  readonly bearer: () => string | undefined;
}
