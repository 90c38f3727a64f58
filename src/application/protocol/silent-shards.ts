/**
 * Finds out which owners of shards do not answer, so that nobody waits for them until the deadline of his call.
 *
 * When a shard has answered nothing for a while although somebody waits, it is asked for a job that does not exist. If it does
 * not answer that either, it is silent: the calls under way get OUTCOME_UNKNOWN, and new ones SHARD_UNAVAILABLE at once, so that jobs
 * without a key go to other shards and reads to the store. Meanwhile it is asked again and again, and one answer, or that
 * nobody listens any more, ends it.
 *
 * The question goes through the mailbox of the shard, so its process and its actor both live if it is answered. A shard that
 * answers anybody is not silent, however long one of its answers takes.
 */
import { type ErrorCode, TroupeError } from '../../domain/errors.ts';
import type { JobId } from '../../domain/job-id.ts';
import type { Clock } from '../ports/runtime.ts';
import type { ShardClient } from '../ports/shard-link.ts';
import type { ItemResult, ShardVerb, ShardVerbs } from '../ports/shard-protocol.ts';

export interface SilentShardsParts {
  readonly client: ShardClient;
  readonly clock: Pick<Clock, 'monotonicMs' | 'setTimer'>;
  /** Told how many shards are silent, whenever that changes. */
  readonly told: (silent: number) => void;
}

/** So long a shard may answer nothing before it is asked. */
const askAfterMs = 1_500;
/** So long it may take to answer that. */
const answerMaxMs = 1_500;
/** While it is silent, it is asked again after this time. */
const askAgainMs = 500;

/** A job that no cluster has. The shard looks into its memory, and nowhere else. */
const question = { jobId: '00000000-0000-7000-8000-000000000000' as JobId };

/** If the question took longer than that by so much, this process stood still, and the answer may lie unread before it. */
const stoodStillMs = 500;

interface Waiting {
  readonly begunMs: number;
  readonly giveUp: (error: TroupeError) => void;
}

interface Line {
  readonly shard: number;
  /** Calls that have no answer yet, in the order in which they began. */
  readonly waiting: Set<Waiting>;
  heardMs: number;
  isSilent: boolean;
  /** A look or a question is planned. */
  isWatched: boolean;
  /** Ends the plan. */
  cancel: () => void;
}

interface Asked {
  readonly askedMs: number;
  readonly tookMs: number;
  readonly code: ErrorCode | undefined;
}

export class SilentShards implements ShardClient {
  readonly #parts: SilentShardsParts;
  readonly #lines = new Map<number, Line>();
  #silent = 0;
  #isStopped = false;

  constructor(parts: SilentShardsParts) {
    this.#parts = parts;
  }

  call<V extends ShardVerb>(
    shard: number,
    verb: V,
    items: readonly ShardVerbs[V]['item'][],
    timeoutMs: number,
  ): Promise<readonly ItemResult<ShardVerbs[V]['result']>[]> {
    const { client, clock } = this.#parts;
    const line = this.#lineOf(shard);
    if (line.isSilent) {
      const message = noAnswerOf(line);
      return Promise.reject(new TroupeError('SHARD_UNAVAILABLE', { message, retryAfterMs: askAgainMs }));
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { begunMs: clock.monotonicMs(), giveUp: reject };
      line.waiting.add(waiting);
      client.call(shard, verb, items, timeoutMs).then(
        (results) => {
          line.waiting.delete(waiting);
          line.heardMs = clock.monotonicMs();
          resolve(results);
        },
        (error: unknown) => {
          line.waiting.delete(waiting);
          reject(TroupeError.from(error));
        },
      );
      if (!line.isWatched) this.#later(line, askAfterMs, () => this.#look(line));
    });
  }

  /** Asks no more. */
  stop(): void {
    this.#isStopped = true;
    for (const line of this.#lines.values()) line.cancel();
  }

  #lineOf(shard: number): Line {
    const known = this.#lines.get(shard);
    if (known !== undefined) return known;
    const line: Line = {
      shard,
      waiting: new Set(),
      heardMs: -Infinity,
      isSilent: false,
      isWatched: false,
      cancel: () => undefined,
    };
    this.#lines.set(shard, line);
    return line;
  }

  #later(line: Line, delayMs: number, then: () => void): void {
    if (this.#isStopped) return;
    line.isWatched = true;
    line.cancel = this.#parts.clock.setTimer(delayMs, () => {
      line.isWatched = false;
      then();
    });
  }

  /** Asks the shard if somebody has waited for too long, and looks again otherwise. */
  #look(line: Line): void {
    const [oldest] = line.waiting;
    if (oldest === undefined) return;
    const quietMs = this.#parts.clock.monotonicMs() - Math.max(line.heardMs, oldest.begunMs);
    if (quietMs >= askAfterMs) void this.#ask(line);
    else this.#later(line, askAfterMs - quietMs, () => this.#look(line));
  }

  async #ask(line: Line): Promise<void> {
    const { client, clock } = this.#parts;
    line.isWatched = true;
    const askedMs = clock.monotonicMs();
    const error = await client.call(line.shard, 'get', [question], answerMaxMs).then(
      () => undefined,
      (failure: unknown) => TroupeError.from(failure),
    );
    line.isWatched = false;
    if (error === undefined) line.heardMs = clock.monotonicMs();
    if (this.#isStopped) return;
    this.#conclude(line, { askedMs, tookMs: clock.monotonicMs() - askedMs, code: error?.code });
    if (line.isSilent) this.#later(line, askAgainMs, () => void this.#ask(line));
    // Not at once: a link that is away fails at once, too.
    else this.#later(line, askAgainMs, () => this.#look(line));
  }

  #conclude(line: Line, { askedMs, tookMs, code }: Asked): void {
    // Somebody else may have had an answer meanwhile.
    if (line.heardMs >= askedMs) {
      this.#setSilent(line, false);
      return;
    }
    const meaning = code === undefined ? undefined : meaningOf(code, tookMs);
    if (meaning === undefined) return;
    // What was asked of an owner that is gone, nobody answers.
    giveUp(line);
    this.#setSilent(line, meaning === 'silent');
  }

  #setSilent(line: Line, isSilent: boolean): void {
    if (line.isSilent === isSilent) return;
    line.isSilent = isSilent;
    this.#silent += isSilent ? 1 : -1;
    this.#parts.told(this.#silent);
  }
}

function noAnswerOf({ shard }: Line): string {
  return `shard ${shard} does not answer`;
}

function giveUp(line: Line): void {
  const message = noAnswerOf(line);
  for (const { giveUp: reject } of line.waiting) reject(new TroupeError('OUTCOME_UNKNOWN', { message }));
  line.waiting.clear();
}

/**
 * What an error of the question says of the shard: undefined if it is one of this process or its link. An outcome is also
 * unknown at once when the link is lost.
 */
function meaningOf(code: ErrorCode, tookMs: number): 'silent' | 'nobody' | undefined {
  if (code === 'SHARD_UNAVAILABLE') return 'nobody';
  const wasWaitedFor = tookMs >= answerMaxMs && tookMs < answerMaxMs + stoodStillMs;
  return code === 'OUTCOME_UNKNOWN' && wasWaitedFor ? 'silent' : undefined;
}
