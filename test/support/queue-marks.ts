/** Queue quarantines in memory, for tests of their readers. */
import type { QueueMark, QueueQuarantines } from '../../src/application/ports/queue-quarantines.ts';

export function memoryQuarantines(): QueueQuarantines & { readonly marks: Map<string, QueueMark> } {
  const marks = new Map<string, QueueMark>();
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const listener of [...listeners]) listener();
  };
  const of = (tenant: string, queue: string): readonly QueueMark[] =>
    [...marks.values()].filter((mark) => mark.tenant === tenant && mark.queue === queue);
  return {
    marks,
    of,
    ofTenant: (tenant) => [...marks.values()].filter((mark) => mark.tenant === tenant),
    put(mark) {
      marks.set(`${mark.tenant}/${mark.queue}/${mark.node ?? ''}`, mark);
      tell();
      return Promise.resolve();
    },
    clear(tenant, queue) {
      for (const { node } of of(tenant, queue)) marks.delete(`${tenant}/${queue}/${node ?? ''}`);
      tell();
      return Promise.resolve();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
