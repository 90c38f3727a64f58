/**
 * One CQL statement and how it may be executed. The mode fixes consistency and idempotence, so no call can choose them:
 *
 * | mode          | consistency                | idempotent | retried by the driver          | a timeout means        |
 * |---------------|----------------------------|------------|--------------------------------|------------------------|
 * | `read`        | LOCAL_QUORUM               | yes        | once, on the next host         | STORE_UNAVAILABLE      |
 * | `nodeRead`    | LOCAL_ONE                  | yes        | once, on the next host         | STORE_UNAVAILABLE      |
 * | `serialRead`  | LOCAL_SERIAL               | yes        | once; it settles open rounds   | STORE_UNAVAILABLE      |
 * | `write`       | LOCAL_QUORUM               | yes        | once, with the same timestamp  | STORE_UNAVAILABLE      |
 * | `conditional` | LOCAL_QUORUM, LOCAL_SERIAL | no         | never, nor sent speculatively  | OUTCOME_UNKNOWN        |
 */
export type StatementMode = 'read' | 'nodeRead' | 'serialRead' | 'write' | 'conditional';

/** `R` holds the columns of a returned row. For a conditional write that is the row that refused the condition. */
export interface CqlStatement<R = unknown> {
  /** Label of the metrics. */
  readonly name: string;
  readonly cql: string;
  readonly mode: StatementMode;
  /** Never set. It only carries the type. */
  readonly row?: R;
}
