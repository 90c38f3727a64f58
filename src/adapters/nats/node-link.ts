/**
 * Requests to one node by its id, on `<root>.node.<id>.<verb>`: stopping an attempt, and the verbs of `NodeVerbs`. Both
 * directions use JSON.
 */
import type { Msg } from '@nats-io/transport-node';
import type { Clock } from '../../application/ports/runtime.ts';
import { TroupeError } from '../../domain/errors.ts';
import type { NatsLink } from './link.ts';
import { escapeToken, type NatsNames } from './names.ts';
import { asObject, type Requester, serve } from './request-reply.ts';
import { serveFace, type ServiceFace } from './service-face.ts';

export type NodeFace = Pick<ServiceFace, 'version' | 'metadata' | 'startedAtMs'>;
export type NodeHandler = (verb: string, payload: unknown) => Promise<unknown>;

export class NatsNodeLink {
  readonly #link: NatsLink;
  readonly #requester: Requester;
  readonly #names: NatsNames;
  readonly #maxInProgress: number;
  readonly #clock: Clock;

  constructor(options: {
    readonly link: NatsLink;
    readonly requester: Requester;
    readonly names: NatsNames;
    readonly maxInProgress: number;
    readonly clock: Clock;
  }) {
    this.#link = options.link;
    this.#requester = options.requester;
    this.#names = options.names;
    this.#maxInProgress = options.maxInProgress;
    this.#clock = options.clock;
  }

  /**
   * Rejects with NODE_SILENT if no such node listens (nothing was done), and with OUTCOME_UNKNOWN after `timeoutMs`.
   */
  async request(nodeId: string, verb: string, payload: unknown, timeoutMs: number): Promise<unknown> {
    const answer = await this.#requester.ask({
      subject: this.#names.nodeSubject(nodeId, verb),
      body: JSON.stringify({ payload }),
      timeoutMs,
      nobody: { code: 'NODE_SILENT', message: `node ${nodeId} does not answer` },
    });
    return (answer as { results?: unknown }).results;
  }

  /**
   * Answers requests until the returned function is called. With `face`, NATS tools list the node as a service with its
   * request counts.
   */
  serve(nodeId: string, handler: NodeHandler, face?: NodeFace): () => void {
    const subject = this.#names.nodeSubject(nodeId, '*');
    const counts = { requests: 0, errors: 0, lastError: '', processingMs: 0 };
    const stopServing = serve({
      link: this.#link,
      subject,
      maxInProgress: this.#maxInProgress,
      answer: async (verb, message) => {
        const beganMs = this.#clock.monotonicMs();
        try {
          return await this.#answer(verb, message, handler);
        } catch (error) {
          counts.errors += 1;
          counts.lastError = TroupeError.from(error).code;
          throw error;
        } finally {
          counts.requests += 1;
          counts.processingMs += this.#clock.monotonicMs() - beganMs;
        }
      },
    });
    if (face === undefined) return stopServing;
    const { root } = this.#names;
    const endpoint = { name: 'node', subject };
    const stopFace = serveFace(
      this.#link,
      { ...face, name: `${root}-node`, id: escapeToken(nodeId), description: 'A node of Troupe', endpoint },
      () => counts,
    );
    return () => {
      stopFace();
      stopServing();
    };
  }

  async #answer(verb: string, message: Msg, handler: NodeHandler): Promise<string> {
    let payload: unknown;
    try {
      ({ payload } = asObject(message.json()) as { payload?: unknown });
    } catch (error) {
      throw new TroupeError('INVALID_ARGUMENT', { message: 'the request is not valid JSON', cause: error });
    }
    const text = JSON.stringify({ results: (await handler(verb, payload)) ?? null });
    if (Buffer.byteLength(text) > this.#link.maxPayload) {
      throw new TroupeError('PAYLOAD_TOO_LARGE', {
        message: 'the answer of the node is too large; ask for a smaller part',
      });
    }
    return text;
  }
}
