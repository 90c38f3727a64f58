/**
 * The loop's side of the thread that owns the database. All that is asked in one turn goes in one message. The number of
 * unanswered requests is bounded by `unansweredMax`, and reads by less; beyond it they are refused with STORE_UNAVAILABLE.
 *
 * The thread is never replaced. If it ends or falls silent, nobody here knows what it wrote, and a second one could not
 * open the file beside a first that hangs in it. So what waits has an unknown outcome, and the process must end.
 */
import { fileURLToPath } from 'node:url';
import { type Transferable, Worker } from 'node:worker_threads';
import { TroupeError } from '../../../domain/errors.ts';
import type { Clock, Logger } from '../../../application/ports/runtime.ts';
import type { SchemaClimb } from '../../../application/ports/store.ts';
import type { StoreLink } from './store-link.ts';
import { AnswerWatch } from '../thread/answer-watch.ts';
import { endDespiteThread } from '../thread/stuck-exit.ts';
import {
  type AnswerBatch,
  answerCells,
  closeOrder,
  errorOf,
  type Failure,
  type ThreadNews,
  type ThreadSetup,
} from '../thread/thread-messages.ts';

/** Far more than the shards and the gateway of a process ask at once. */
const unansweredMax = 20_000;
/** Of a disk on which a long log is written back: 8 MB/s. */
const slowestBytesPerMs = 8_000;
/** Reads leave room for writes: without their commits, the shards of this process would take the store for lost. */
const unansweredReadsMax = 15_000;

export interface ThreadLinkOptions {
  readonly setup: ThreadSetup;
  readonly clock: Clock;
  readonly log: Logger;
  /** Longest time without any answer. */
  readonly silenceMaxMs: number;
  /** What the thread finds in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The thread cannot go on, and neither can the process. Called once. */
  readonly onLost: (reason: Error) => void;
}

interface Unanswered {
  readonly isWrite: boolean;
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

class ThreadLink {
  readonly #options: ThreadLinkOptions;
  readonly #thread: Worker;
  readonly #watch: AnswerWatch;
  readonly #opened = Promise.withResolvers<SchemaClimb>();
  readonly #ended = Promise.withResolvers<undefined>();
  readonly #unanswered = new Map<number, Unanswered>();
  /** Messages with answers that wait for their turn of the loop. */
  readonly #come: AnswerBatch[] = [];
  #cells: unknown[] = [];
  #moved: Transferable[] = [];
  #lastId = 0;
  #end: 'open' | 'closing' | 'refused' | 'lost' = 'open';

  constructor(options: ThreadLinkOptions) {
    const { clock, setup, silenceMaxMs, env } = options;
    this.#options = options;
    this.#watch = new AnswerWatch(clock, silenceMaxMs, () => {
      endDespiteThread();
      this.#lose(
        new Error(
          `the thread of the store has answered nothing for ${silenceMaxMs / 1_000} s: does the disk under ${setup.path} hang?`,
        ),
      );
    });
    this.#thread = new Worker(threadPath(), {
      name: 'store',
      env: { ...env },
      workerData: setup,
    });
    this.#thread.on('message', (message: AnswerBatch | ThreadNews) => {
      if (isNews(message)) this.#hear(message);
      else this.#take(message);
    });
    this.#thread.on('error', (error: unknown) => {
      this.#lose(new Error('the thread of the store has died', { cause: error }));
    });
    this.#thread.on('exit', () => {
      this.#settleAll();
      if (this.#end === 'open') this.#lose(new Error('the thread of the store has ended'));
      this.#watch.close();
      this.#ended.resolve(undefined);
    });
  }

  opened(): Promise<SchemaClimb> {
    return this.#opened.promise;
  }

  request(isWrite: boolean, name: string, args: readonly unknown[]): Promise<never> {
    const refusal = this.#refusal(isWrite);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#lastId += 1;
    const id = this.#lastId;
    if (this.#cells.length === 0) queueMicrotask(this.#send);
    this.#cells.push(id, isWrite, name, args.map(this.#carried));
    return new Promise((resolve, reject) => {
      this.#unanswered.set(id, { isWrite, resolve, reject });
    });
  }

  async close(): Promise<void> {
    if (this.#end === 'open') {
      this.#send();
      this.#end = 'closing';
      this.#thread.postMessage(closeOrder);
      this.#watch.expect();
    }
    await this.#ended.promise;
  }

  #refusal(isWrite: boolean): TroupeError | undefined {
    if (this.#end === 'closing') return new TroupeError('SHUTTING_DOWN', { message: 'the store is closed' });
    if (this.#end !== 'open')
      return new TroupeError('STORE_UNAVAILABLE', { message: 'the thread of the store has ended' });
    if (this.#unanswered.size < (isWrite ? unansweredMax : unansweredReadsMax)) return undefined;
    return new TroupeError('STORE_UNAVAILABLE', { message: 'too many requests wait for the store' });
  }

  /** Bytes are copied once here and then moved: the caller keeps his, and a view would take its whole memory along. */
  readonly #carried = (arg: unknown): unknown => {
    if (!(arg instanceof Uint8Array)) return arg;
    const copy = new Uint8Array(arg);
    this.#moved.push(copy.buffer);
    return copy;
  };

  readonly #send = (): void => {
    const [cells, moved] = [this.#cells, this.#moved];
    if (cells.length === 0) return;
    [this.#cells, this.#moved] = [[], []];
    this.#thread.postMessage(cells, moved);
    this.#watch.expect();
  };

  /**
   * The answers of one message are settled in one turn of the loop. Node takes up to a thousand messages in a turn, also
   * those that come meanwhile; so whoever asks for the next page at once would keep the loop for seconds.
   */
  #take(answers: AnswerBatch): void {
    this.#come.push(answers);
    if (this.#come.length === 1) setImmediate(this.#settleNext);
  }

  readonly #settleNext = (): void => {
    const answers = this.#come.shift();
    if (answers !== undefined) this.#settle(answers);
    if (this.#come.length > 0) setImmediate(this.#settleNext);
  };

  /** The thread says no more. */
  #settleAll(): void {
    for (const answers of this.#come.splice(0)) this.#settle(answers);
  }

  #settle(answers: AnswerBatch): void {
    for (let at = 0; at < answers.length; at += answerCells) {
      const id = answers[at] as number;
      const waiting = this.#unanswered.get(id);
      this.#unanswered.delete(id);
      if (answers[at + 1] === true) waiting?.resolve(answers[at + 2] as never);
      else waiting?.reject(errorOf(answers[at + 2] as Failure));
    }
    this.#watch.heard(this.#unanswered.size > 0 || this.#end === 'closing');
  }

  #hear(news: ThreadNews): void {
    switch (news.kind) {
      case 'opened':
        this.#opened.resolve(news.schema);
        return;
      case 'refused':
        this.#end = 'refused';
        this.#opened.reject(errorOf(news.failure));
        return;
      case 'long-checkpoint':
        this.#watch.allow(news.bytes / slowestBytesPerMs);
        this.#options.log.info(
          { bytes: news.bytes },
          'a long log of the database is written back; the store waits for it',
        );
        return;
      case 'checkpoint-failed':
        this.#options.log.warn(
          { err: errorOf(news.failure) },
          'the log of the database cannot be written back; it is retried',
        );
    }
  }

  /** A write may have become durable; a read has not happened. */
  #lose(reason: Error): void {
    if (this.#end === 'lost') return;
    this.#settleAll();
    this.#end = 'lost';
    this.#watch.close();
    this.#opened.reject(reason);
    for (const { isWrite, reject } of this.#unanswered.values()) {
      reject(new TroupeError(isWrite ? 'OUTCOME_UNKNOWN' : 'STORE_UNAVAILABLE', { cause: reason }));
    }
    this.#unanswered.clear();
    this.#ended.resolve(undefined);
    this.#options.onLost(reason);
  }
}

/** Resolves when the file is open and has its schema, however long that takes. */
export async function openThreadLink(options: ThreadLinkOptions): Promise<StoreLink> {
  const link = new ThreadLink(options);
  const schema = await link.opened();
  return {
    schema,
    write: (name, ...args) => link.request(true, name, args),
    read: (name, ...args) => link.request(false, name, args),
    close: () => link.close(),
  };
}

function isNews(message: AnswerBatch | ThreadNews): message is ThreadNews {
  return !Array.isArray(message);
}

/** `.ts` when run from source, `.js` when built. */
function threadPath(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`../thread/store-thread-main.${extension}`, import.meta.url));
}
