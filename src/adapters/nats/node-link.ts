/** Requests to one node by its id (`<root>.node.<id>.<verb>`): cancel, drain, tree, stats. JSON both ways. */
import { TroupeError } from '../../domain/errors.ts';
import type { NatsLink } from './link.ts';
import type { NatsNames } from './names.ts';
import { asObject, serve } from './request-reply.ts';
import type { Requester } from './request-reply.ts';

export type NodeHandler = (verb: string, payload: unknown) => Promise<unknown>;

export class NatsNodeLink {
  readonly #link: NatsLink;
  readonly #requester: Requester;
  readonly #names: NatsNames;
  readonly #maxInProgress: number;

  constructor(options: {
    readonly link: NatsLink;
    readonly requester: Requester;
    readonly names: NatsNames;
    readonly maxInProgress: number;
  }) {
    this.#link = options.link;
    this.#requester = options.requester;
    this.#names = options.names;
    this.#maxInProgress = options.maxInProgress;
  }

  /** Rejects SHARD_UNAVAILABLE when no such node listens (nothing was done), OUTCOME_UNKNOWN after `timeoutMs`. */
  async request(nodeId: string, verb: string, payload: unknown, timeoutMs: number): Promise<unknown> {
    const answer = await this.#requester.ask({
      subject: this.#names.nodeSubject(nodeId, verb),
      body: JSON.stringify({ payload }),
      timeoutMs,
      nobody: `node ${nodeId} does not listen`,
    });
    return (answer as { results?: unknown }).results;
  }

  serve(nodeId: string, handler: NodeHandler): () => void {
    return serve({
      link: this.#link,
      subject: this.#names.nodeSubject(nodeId, '*'),
      maxInProgress: this.#maxInProgress,
      answer: async (verb, message) => {
        let payload: unknown;
        try {
          ({ payload } = asObject(message.json()) as { payload?: unknown });
        } catch (error) {
          throw new TroupeError('INVALID_ARGUMENT', { message: 'the request is not JSON', cause: error });
        }
        const text = JSON.stringify({ results: (await handler(verb, payload)) ?? null });
        if (Buffer.byteLength(text) > this.#link.maxPayload) {
          throw new TroupeError('PAYLOAD_TOO_LARGE', { message: 'the answer of the node is too large' });
        }
        return text;
      },
    });
  }
}
