/** What every call of the client needs. */
import type { Contract } from '../contract/codec.ts';
import type { Connection } from './connection.ts';
import type { Backoff } from './retry.ts';

export interface CallParts {
  readonly connection: Connection;
  readonly contract: Contract;
  readonly backoff: Backoff;
  /** Of inputs and outputs. */
  readonly parseJson: (text: string) => unknown;
}
