/**
 * Whose code holds a thread whose run is out of time: asked of the thread itself, in the middle of a loop that never
 * returns. What an earlier run has left behind is not the fault of the one that waits for it.
 */
import { strayQuestion } from '../thread/run-scopes.ts';
import { ThreadInspector } from './thread-inspector.ts';

/** A thread in native code does not answer; its run is taken to be at fault. */
const answerMaxMs = 500;

/** In words; undefined when it is the run's own, or nobody answers. */
export async function strayIn(threadId: number): Promise<string | undefined> {
  const inspector = new ThreadInspector(threadId);
  const answer = await inspector.ask('Runtime.evaluate', answerMaxMs, {
    expression: strayQuestion,
    returnByValue: true,
  });
  inspector.close();
  const result: unknown = Reflect.get(Object(answer) as object, 'result');
  const value: unknown = Reflect.get(Object(result) as object, 'value');
  return typeof value === 'string' ? value : undefined;
}
