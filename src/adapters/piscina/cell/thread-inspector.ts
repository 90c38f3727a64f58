/**
 * V8's inspector on one thread of this process, spoken from the main thread: its requests interrupt JavaScript, so that a
 * synchronous loop answers too. A thread in native code answers when it comes back from it, or never: `ask` is bounded.
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
      // Every thread is attached; the others are left alone again. `workerId` is a number of the inspector's own.
      if (params.workerInfo.title.startsWith(`[worker ${threadId}]`)) this.#sessionId = params.sessionId;
      else this.#session.post('NodeWorker.detach', { sessionId: params.sessionId });
    });
    this.#session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
      const { id, ...answer } = JSON.parse(params.message) as { readonly id?: number } & NonNullable<Answer>;
      if (id !== undefined) this.#settle(id, answer);
    });
    this.#session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  }

  /** Undefined when the thread is not there, refuses, or does not answer in time. */
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

  /** What is asked and not answered is over; what was begun in the thread is undone. */
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
