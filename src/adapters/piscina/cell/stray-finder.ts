/**
 * Finds out whose code holds a thread when its run is out of time. We ask the thread itself, which answers even in the
 * middle of an endless loop. A run is not to blame for what an earlier run left behind.
 */
import { strayQuestion } from '../thread/run-scopes.ts';
import { ThreadInspector } from './thread-inspector.ts';

/** A thread in native code does not answer. We then blame its run. */
const answerMaxMs = 500;

/** Describes the code that holds the thread. Undefined when it is the run's own, or when nobody answers. */
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
