/**
 * V8's inspector on one thread of this process, used from the main thread. Its requests interrupt JavaScript, so even a
 * synchronous loop answers. A thread in native code answers when it returns to JavaScript, or never. So `ask` is
 * bounded in time.
 */
import { Session } from 'node:inspector';

type Answer = { readonly result?: unknown; readonly error?: { readonly message: string } } | undefined;

export class ThreadInspector {
  readonly #session = new Session();
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #sessionId: string | undefined;
  #nextId = 1;

  constructor(threadId: number) {
    this.#session.connect();
    this.#session.on('NodeWorker.attachedToWorker', ({ params }) => {
      // The inspector attaches to every thread, so we detach from the others. We go by the title, because `workerId` is
      // a number of the inspector's own.
      if (params.workerInfo.title.startsWith(`[worker ${threadId}]`)) this.#sessionId = params.sessionId;
      else this.#session.post('NodeWorker.detach', { sessionId: params.sessionId });
    });
    this.#session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
      const { id, ...answer } = JSON.parse(params.message) as { readonly id?: number } & NonNullable<Answer>;
      if (id !== undefined) this.#settle(id, answer);
    });
    this.#session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  }

  /** Undefined when the thread does not exist, refuses, or does not answer in time. */
  async ask(method: string, maxMs: number, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const sessionId = this.#sessionId;
    if (sessionId === undefined) return undefined;
    const id = this.#nextId;
    this.#nextId += 1;
    const late = setTimeout(() => this.#settle(id, undefined), maxMs);
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#session.post('NodeWorker.sendMessageToWorker', {
      sessionId,
      message: JSON.stringify({ id, method, params }),
    });
    const answer = await answered;
    clearTimeout(late);
    return answer?.result;
  }

  /** Settles open requests as unanswered. Disconnecting undoes what was begun in the thread. */
  close(): void {
    this.#sessionId = undefined;
    this.#session.disconnect();
    for (const id of this.#waiting.keys()) this.#settle(id, undefined);
  }

  #settle(id: number, answer: Answer): void {
    this.#waiting.get(id)?.(answer);
    this.#waiting.delete(id);
  }
}
