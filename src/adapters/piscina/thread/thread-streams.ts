/** The streams of one run inside its thread: each piece is a question to the node process. */
import type { MessagePort } from 'node:worker_threads';
import type { StreamSource, StreamTarget } from '../../../application/ports/run-pool.ts';
import { clipped } from '../../../domain/clipped-text.ts';
import type { RunInput } from '../../../domain/attempt-outcome.ts';
import { fail } from '../../../handlers/handler-error.ts';
import {
  type InputSource,
  memorySource,
  type OutputSink,
  PayloadStreams,
  streamRefused,
} from '../../../handlers/payload-streams.ts';
import {
  asksOpenMax,
  type StreamAnswer,
  type StreamAsk,
  type ThreadAnswer,
  type ThreadAsk,
} from '../protocol/stream-messages.ts';

/** No file has a longer name, so what was cut names none. */
const secretNameMaxChars = 300;

interface StreamsParts {
  readonly runId: string;
  readonly input: RunInput;
  readonly checkpoint: RunInput | undefined;
  readonly post: (message: ThreadAsk, transfer: readonly ArrayBuffer[]) => void;
  /** Gives a sign of life. */
  readonly beat: () => void;
}

export class ThreadStreams {
  readonly #parts: StreamsParts;
  readonly #open = new Map<number, PromiseWithResolvers<StreamAnswer>>();
  /** Questions for which there is no room yet: a handler may have any number of streams. First come, first served. */
  readonly #waiting: PromiseWithResolvers<undefined>[] = [];
  #rooms = asksOpenMax;
  #number = 0;
  #closed = false;
  readonly streams: PayloadStreams;

  constructor(parts: StreamsParts) {
    this.#parts = parts;
    const { input, checkpoint } = parts;
    this.streams = new PayloadStreams({
      input: () => this.#source('input', input),
      checkpoint: () => checkpoint && this.#source('checkpoint', checkpoint),
      output: this.#sink('output'),
      saved: this.#sink('checkpoint'),
    });
  }

  answered({ runId, number, answer }: ThreadAnswer): void {
    if (runId !== this.#parts.runId) return;
    const open = this.#open.get(number);
    if (open === undefined) return;
    this.#open.delete(number);
    open.resolve(answer);
    const next = this.#waiting.shift();
    if (next === undefined) this.#rooms += 1;
    else next.resolve(undefined);
  }

  /** The value of a secret that the handler may read. Rejects with `fail` if it gets none. */
  async secret(name: string): Promise<string> {
    const answer = await this.#ask('input', { kind: 'secret', name: clipped(name, secretNameMaxChars) });
    return answer.kind === 'secret' ? answer.value : unexpected(answer);
  }

  /** Nobody answers any more. */
  close(): void {
    this.#closed = true;
    for (const { reject } of [...this.#open.values(), ...this.#waiting]) reject(fail('the attempt has ended'));
    this.#open.clear();
    this.#waiting.length = 0;
  }

  #source(of: StreamSource, payload: RunInput): InputSource {
    const place = async (): Promise<string> => {
      const answer = await this.#ask(of, { kind: 'place', of });
      return answer.kind === 'path' ? answer.path : unexpected(answer);
    };
    if (payload.kind !== 'streamed') {
      return memorySource(of, payload.kind === 'json' ? Buffer.from(payload.json) : payload.bytes, place);
    }
    const read = async (offset: number): Promise<Uint8Array> => {
      const answer = await this.#ask(of, { kind: 'read', of, offset });
      return answer.kind === 'piece' ? answer.bytes : unexpected(answer);
    };
    return { name: of, bytes: payload.bytes, sha256: payload.sha256, read, place };
  }

  #sink(to: StreamTarget): OutputSink {
    return {
      write: async (bytes) => {
        await this.#ask(to, { kind: 'write', to, bytes }, [bytes.buffer]);
      },
      finish: async (whole) => {
        await this.#ask(to, { kind: 'finish', to, ...whole });
      },
      abandon: async () => {
        if (!this.#closed) await this.#ask(to, { kind: 'abandon', to });
      },
    };
  }

  async #ask(
    of: StreamSource | StreamTarget,
    ask: StreamAsk,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<StreamAnswer> {
    const { runId, post, beat } = this.#parts;
    if (this.#closed) throw fail('the attempt has ended');
    beat();
    await this.#room();
    this.#number += 1;
    const number = this.#number;
    const open = Promise.withResolvers<StreamAnswer>();
    this.#open.set(number, open);
    post({ runId, number, ask }, transfer);
    const answer = await open.promise;
    beat();
    if (answer.kind === 'refused') throw streamRefused({ of, ...answer });
    return answer;
  }

  /** Who waits gets the room of a question that was answered. */
  async #room(): Promise<void> {
    if (this.#rooms > 0) {
      this.#rooms -= 1;
      return;
    }
    const turn = Promise.withResolvers<undefined>();
    this.#waiting.push(turn);
    await turn.promise;
    if (this.#closed) throw fail('the attempt has ended');
  }
}

function unexpected({ kind }: StreamAnswer): never {
  throw new Error(`invariant broken: a question was answered with ${kind}`);
}

/** `port` leads to the cell. Its functions are kept, because a handler may replace them. */
export function streamPort(
  port: MessagePort,
  onAnswer: (answer: ThreadAnswer) => void,
): (message: ThreadAsk, transfer: readonly ArrayBuffer[]) => void {
  port.on('message', onAnswer);
  const post = port.postMessage.bind(port);
  return (message, transfer) => post(message, transfer);
}
