/** The end of an environment of this machine: no process of it is left, not even one that terraform never heard of. */
import { marksOf } from './local-processes.ts';
import { findMarked } from './process-table.ts';
import { end, type Say } from './stop-process.ts';

const stopSeconds = 30;

export async function sweep(dataDir: string, say: Say): Promise<void> {
  // Those of Troupe first: they use the others.
  for (const mark of marksOf(dataDir)) {
    for (const { pid } of findMarked([mark])) {
      say(`process ${pid} was left behind by a deploy that was cut short; it is stopped`);
      await end({ name: 'left behind', pid, mark, stopSeconds }, say);
    }
  }
}
