/**
 * How the store reaches its database: in a thread of its own (`thread-link.ts`), or in place (`inline-link.ts`).
 */
import type { SchemaClimb } from '../../../application/ports/store.ts';
import type { StoreMeasures } from '../../../application/storage/store-measures.ts';
import type { ReadArgs, ReadName, ReadResult, WriteArgs, WriteName, WriteResult } from '../database/operations.ts';

export interface StoreLink {
  readonly schema: SchemaClimb;
  /** Atomic, and durable when it resolves. */
  write<N extends WriteName>(name: N, ...args: WriteArgs<N>): Promise<WriteResult<N>>;
  /** Sees every write that was acknowledged. Several reads need not see the same snapshot. */
  read<N extends ReadName>(name: N, ...args: ReadArgs<N>): Promise<ReadResult<N>>;
  close(): Promise<void>;
}

/** The link with metrics. Their labels are the names of the operations in the style of metrics (`take_shard`). */
export function measuredLink(link: StoreLink, measures: StoreMeasures): StoreLink {
  const labels = new Map<string, string>();
  const labelOf = (name: string): string => {
    let label = labels.get(name);
    if (label === undefined) labels.set(name, (label = name.replaceAll(/[A-Z]/g, (one) => `_${one.toLowerCase()}`)));
    return label;
  };
  return {
    schema: link.schema,
    write: (name, ...args) => measures.query(labelOf(name), () => link.write(name, ...args)),
    read: (name, ...args) => measures.query(labelOf(name), () => link.read(name, ...args)),
    close: () => link.close(),
  };
}
