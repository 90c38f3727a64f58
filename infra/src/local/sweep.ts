/** Stops every process of a local environment, including processes that terraform does not know. */
import { marksOf } from './local-processes.ts';
import { findMarked } from './process-table.ts';
import { end, type Say } from './stop-process.ts';

const stopSeconds = 30;

export async function sweep(dataDir: string, say: Say): Promise<void> {
  // Stop the processes of Troupe first, because they use the others.
  for (const mark of marksOf(dataDir)) {
    for (const { pid } of findMarked([mark])) {
      say(`process ${pid} was left behind by a deploy that was cut short; it is stopped`);
      await end({ name: 'left behind', pid, mark, stopSeconds }, say);
    }
  }
}
