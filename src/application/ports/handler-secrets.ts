/** Secrets that handlers read while they run: passwords and keys of the services they call. */
import type { SecretReader } from '../../domain/secret-grants.ts';

export interface HandlerSecrets {
  /**
   * Undefined if there is no such secret for this reader: whether it exists for others, nobody learns. Rejects if it cannot
   * be read at the moment.
   */
  find(reader: SecretReader, name: string): Promise<string | undefined>;
}
