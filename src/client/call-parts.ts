/** The dependencies of every call of the client. */
import type { Contract } from '../contract/codec.ts';
import type { Connection } from './connection.ts';
import type { RetryPacing } from './retry.ts';

export interface CallParts {
  readonly connection: Connection;
  readonly contract: Contract;
  readonly backoff: RetryPacing;
  /** Parses the JSON of inputs and outputs. */
  readonly parseJson: (text: string) => unknown;
}
