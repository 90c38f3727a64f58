/** The dependencies of every call of the client. */
import type { Contract } from '../contract/codec.ts';
import type { PayloadCodec } from '../domain/payload-codec.ts';
import type { Connection } from './connection.ts';
import type { ReadJob } from './job-codec.ts';
import type { RetryPacing } from './retry.ts';

export interface CallParts {
  readonly connection: Connection;
  readonly contract: Contract;
  readonly backoff: RetryPacing;
  /** Of a call without its own. */
  readonly timeoutMs: number;
  /** Rejects with CODEC_FAILED. */
  readonly readJob: ReadJob;
  /** Undefined: inputs and outputs are sent and given as they are. */
  readonly codec: PayloadCodec | undefined;
}
