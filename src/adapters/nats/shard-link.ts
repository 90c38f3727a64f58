/**
 * Requests to the owner of a shard: `<root>.shard.<n>.<verb>` with `{"items":[…]}`, answered by `{"results":[…]}`. Only
 * the owner listens. If no process listens, nothing was done.
 */
import type { Msg } from '@nats-io/transport-node';
import type { ShardClient, ShardHandler, ShardServer } from '../../application/ports/shard-link.ts';
import {
  batchMaxItems,
  type ItemResult,
  isShardVerb,
  type ShardVerb,
  type ShardVerbs,
} from '../../application/ports/shard-protocol.ts';
import { TroupeError } from '../../domain/errors.ts';
import type { NatsLink } from './link.ts';
import type { NatsNames } from './names.ts';
import { asObject, type Requester, serve } from './request-reply.ts';

export class NatsShardClient implements ShardClient {
  readonly #requester: Requester;
  readonly #names: NatsNames;

  constructor(requester: Requester, names: NatsNames) {
    this.#requester = requester;
    this.#names = names;
  }

  async call<V extends ShardVerb>(
    shard: number,
    verb: V,
    items: readonly ShardVerbs[V]['item'][],
    timeoutMs: number,
  ): Promise<readonly ItemResult<ShardVerbs[V]['result']>[]> {
    const answer = await this.#requester.ask({
      subject: this.#names.shardSubject(shard, verb),
      body: JSON.stringify({ items }),
      timeoutMs,
      nobody: { code: 'SHARD_UNAVAILABLE', message: `shard ${shard} has no owner at the moment` },
    });
    const { results } = answer as { results?: unknown };
    if (!Array.isArray(results) || results.length !== items.length) {
      throw new TroupeError('OUTCOME_UNKNOWN', { message: 'the shard answered with a wrong number of results' });
    }
    if (!results.every(isResult)) {
      throw new TroupeError('OUTCOME_UNKNOWN', { message: 'the shard answered with a result of another form' });
    }
    return results as readonly ItemResult<ShardVerbs[V]['result']>[];
  }
}

function isResult(result: unknown): boolean {
  return typeof result === 'object' && result !== null && ('ok' in result || 'error' in result);
}

export class NatsShardServer implements ShardServer {
  readonly #link: NatsLink;
  readonly #names: NatsNames;
  readonly #maxInProgress: number;

  constructor(link: NatsLink, names: NatsNames, maxInProgress: number) {
    this.#link = link;
    this.#names = names;
    this.#maxInProgress = maxInProgress;
  }

  serveShard(shard: number, handler: ShardHandler): () => void {
    return serve({
      link: this.#link,
      subject: this.#names.shardSubject(shard, '*'),
      maxInProgress: this.#maxInProgress,
      answer: async (verb, message) => {
        if (!isShardVerb(verb)) throw unknownVerb();
        const results = await handler(verb, readItems(message));
        return fitResults(results, this.#link.maxPayload);
      },
    });
  }
}

/**
 * The caller is of a later version. The answer is retryable, because the next owner may be of that version, too. A
 * node must not forget the outcome of an attempt meanwhile.
 */
function unknownVerb(): TroupeError {
  const message = 'the owner of the shard is of a version that does not know the request';
  return new TroupeError('SHARD_UNAVAILABLE', { message, retryAfterMs: 1_000 });
}

/** Checks the shape only. Items come from our own processes, and the shard checks what it bases decisions on. */
function readItems(message: Msg): readonly never[] {
  let items: unknown;
  try {
    ({ items } = asObject(message.json()) as { items?: unknown });
  } catch (error) {
    throw new TroupeError('INVALID_ARGUMENT', { message: 'the request is not valid JSON', cause: error });
  }
  if (
    !Array.isArray(items) ||
    items.length > batchMaxItems ||
    !items.every((item) => typeof item === 'object' && item)
  ) {
    throw new TroupeError('INVALID_ARGUMENT', {
      message: `the request must hold a list of at most ${batchMaxItems} items`,
    });
  }
  return items as never[];
}

const wrapBytes = '{"results":[]}'.length;

/**
 * The text of the answer, at most `maxBytes` long. If it would be longer, the largest results are replaced by an error.
 * That is PAYLOAD_TOO_LARGE for a result that would not fit alone, otherwise OUTCOME_UNKNOWN: the item was carried out,
 * and the caller asks again with fewer items. The other items keep their results.
 */
export function fitResults(results: readonly ItemResult<unknown>[], maxBytes: number): string {
  const texts = results.map((result) => JSON.stringify(result));
  const whole = `{"results":[${texts.join(',')}]}`;
  if (whole.length * 3 <= maxBytes || Buffer.byteLength(whole) <= maxBytes) return whole;
  const sizes = texts.map((text) => Buffer.byteLength(text) + 1);
  let total = wrapBytes + sizes.reduce((sum, size) => sum + size, 0);
  const largestFirst = sizes.map((_, index) => index).sort((a, b) => (sizes[b] ?? 0) - (sizes[a] ?? 0));
  for (const index of largestFirst) {
    if (total <= maxBytes) break;
    const size = sizes[index] ?? 0;
    const code = size + wrapBytes > maxBytes ? 'PAYLOAD_TOO_LARGE' : 'OUTCOME_UNKNOWN';
    const message = 'the result does not fit into the answer';
    const text = JSON.stringify({ error: new TroupeError(code, { message }).toWire() });
    if (text.length + 1 >= size) break;
    texts[index] = text;
    total += text.length + 1 - size;
  }
  return `{"results":[${texts.join(',')}]}`;
}
