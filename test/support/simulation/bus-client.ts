/**
 * The bus as one process of the simulated cluster sees it: all of its ports over one link. Requests to shards and
 * nodes, pulls and publishes have the timeouts and errors of the real adapter.
 */
import type { JobEvent, LiveFeed, Publisher, WorkDelivery, WorkSource } from '../../../src/application/ports/bus.ts';
import type { ShardClient, ShardHandler, ShardServer } from '../../../src/application/ports/shard-link.ts';
import type { ItemResult, ShardVerb, ShardVerbs } from '../../../src/application/ports/shard-protocol.ts';
import type { NatsBus } from '../../../src/adapters/nats/connect-nats.ts';
import type { HandlerManifest } from '../../../src/domain/handler-manifest.ts';
import { TroupeError } from '../../../src/domain/errors.ts';
import { type Queue, queueStamp } from '../../../src/domain/queue.ts';
import { MemoryConsumers } from '../memory-consumers.ts';
import { BusConfig } from './bus-config.ts';
import { BusEvents } from './bus-events.ts';
import { BusLeases } from './bus-leases.ts';
import type { BusLink } from './bus-link.ts';
import { BusMembership } from './bus-membership.ts';
import {
  type Answer,
  type BusServer,
  type LiveChange,
  type NodeRequest,
  type Peer,
  type ShardRequest,
  routeName,
} from './bus-server.ts';

const publishTimeoutMs = 5_000;
const pullGraceMs = 1_000;
const identityCheckMs = 3_000;
const lookRetryMs = 500;

type Listener = Parameters<LiveFeed['watchJob']>[1];
type NodeHandler = Parameters<NatsBus['serveNode']>[1];

export class BusClient {
  readonly link: BusLink;
  readonly membership: BusMembership;
  readonly leases: BusLeases;
  readonly config: BusConfig;
  readonly events: BusEvents;
  readonly #server: BusServer;
  readonly #peer: Peer;
  readonly #handlers = new Map<number, ShardHandler>();
  readonly #watchers = new Map<string, Set<Listener>>();
  readonly #replaced = new Set<(streams: string) => void>();
  readonly #doubters = new Set<() => void>();
  #nodeHandler: NodeHandler | undefined;
  #streams: string;
  #process: number;
  #isSure = true;
  #looks = 0;
  #soundAtMs = 0;
  #told = 0;

  constructor(link: BusLink, server: BusServer, known: { readonly manifest: HandlerManifest; readonly queue: Queue }) {
    this.link = link;
    this.#server = server;
    this.#streams = server.identity;
    this.#process = server.process;
    this.#soundAtMs = link.host.clock.monotonicMs();
    this.membership = new BusMembership(link, server);
    this.leases = new BusLeases(link, server);
    const { tenant, name } = known.queue;
    const first = { queue: `${tenant}/${name}`, stamp: queueStamp(known.queue) };
    this.config = new BusConfig(link, server, { manifest: known.manifest, ...first });
    this.events = new BusEvents(link, server);
    this.#peer = this.#makePeer();
    server.join(this.#peer);
    link.onDown(() => {
      this.#isSure = false;
      this.#looks += 1;
    });
    link.onUp(() => {
      link.wire.sendSurely(() => {
        server.tellKeys(this.#peer);
      });
      this.#look();
    });
    this.#lookLater();
  }

  readonly publisher: Publisher = {
    publishWork: (message) => {
      const stored = this.#server.onWork(message);
      return this.#publish(() => {
        this.#server.publishWork(message, stored);
      });
    },
    publishEvent: (event: JobEvent) =>
      this.#publish(() => {
        this.#server.publishEvent(event);
      }),
    acknowledge: (ackTo) => {
      this.link.send(() => {
        this.#server.acknowledge(ackTo);
      });
    },
    streams: () => this.#streams,
    onStreamsReplaced: (listener) => {
      this.#replaced.add(listener);
      return () => this.#replaced.delete(listener);
    },
    onDoubt: (listener) => {
      this.#doubters.add(listener);
      return () => this.#doubters.delete(listener);
    },
    soundAtMs: () => this.#soundAtMs,
    workStanding: (routes) => this.link.call(() => this.#server.workStanding(routes), { timeoutMs: publishTimeoutMs }),
  };

  readonly work: WorkSource = {
    pull: (input) => this.#pull(input),
    release: (ackTo, delayMs = 0) => {
      const send = (): void => {
        this.link.send(() => {
          this.#server.release(ackTo);
        });
      };
      if (delayMs > 0) this.link.host.clock.setTimer(delayMs, send);
      else send();
    },
    ensureRoute: async () => {
      this.link.assertConnected();
    },
    removeRoute: async () => {
      this.link.assertConnected();
    },
    routes: () => this.link.call(() => this.#server.routes(), { timeoutMs: publishTimeoutMs }),
  };

  readonly live: LiveFeed = {
    publishProgress: (_tenant, _queue, note) => {
      this.link.send(() => {
        this.#server.publishLive({ jobId: note.jobId, change: { kind: 'progress', progress: note } });
      });
    },
    publishLogNews: (_tenant, _queue, jobId) => {
      this.link.send(() => {
        this.#server.publishLive({ jobId, change: { kind: 'log' } });
      });
    },
    watchJob: ({ jobId }, listener) => {
      const listeners = this.#watchers.get(jobId) ?? new Set();
      this.#watchers.set(jobId, listeners.add(listener));
      return () => void listeners.delete(listener);
    },
  };

  readonly shardClient: ShardClient = {
    call: <V extends ShardVerb>(
      shard: number,
      verb: V,
      items: readonly ShardVerbs[V]['item'][],
      timeoutMs: number,
    ): Promise<readonly ItemResult<ShardVerbs[V]['result']>[]> =>
      this.#ask({ shard, verb, items }, timeoutMs) as Promise<readonly ItemResult<ShardVerbs[V]['result']>[]>,
  };

  readonly shardServer: ShardServer = {
    serveShard: (shard, handler) => {
      this.#handlers.set(shard, handler);
      this.#tellShards();
      return () => {
        if (this.#handlers.get(shard) === handler) this.#handlers.delete(shard);
        this.#tellShards();
      };
    },
  };

  /** The whole adapter, in the form that the composition root wires. */
  bus(): NatsBus {
    const { publisher, work, live, membership, leases, config, events, shardClient, shardServer, link } = this;
    return {
      publisher,
      work,
      live,
      membership,
      leases,
      config,
      events,
      eventConsumers: new MemoryConsumers(),
      shardClient,
      shardServer,
      quarantines: {
        put: () => Promise.resolve(),
        clear: () => Promise.resolve(),
        of: () => [],
        ofTenant: () => [],
        onChange: () => () => undefined,
      },
      openFollowerDoor: () => Promise.reject(new TroupeError('INTERNAL_ERROR')),
      differences: () => [],
      health: () => ({ connected: link.connected, publishing: link.connected }),
      requestNode: (nodeId, verb, payload, timeoutMs) => this.#askNode(nodeId, { verb, payload }, timeoutMs),
      serveNode: (_nodeId, handler) => {
        this.#nodeHandler = handler;
        return () => {
          this.#nodeHandler = undefined;
        };
      },
      close: async () => {
        link.close();
      },
    };
  }

  async #publish(serve: () => void): Promise<void> {
    if (!this.#isSure) throw new TroupeError('BROKER_UNAVAILABLE');
    await this.link.call(serve, { timeoutMs: publishTimeoutMs, mayDouble: true });
  }

  async #pull(input: Parameters<WorkSource['pull']>[0]): Promise<readonly WorkDelivery[]> {
    this.link.assertConnected();
    if (input.signal.aborted || input.batch < 1) return [];
    const { link } = this;
    const name = routeName(input.route);
    return new Promise((resolve, reject) => {
      let isOpen = true;
      const close = (): void => {
        isOpen = false;
        cancelTimer();
        done();
        input.signal.removeEventListener('abort', nothing);
      };
      const nothing = (): void => {
        close();
        resolve([]);
      };
      const done = link.orFail(() => {
        close();
        reject(new TroupeError('BROKER_UNAVAILABLE'));
      });
      const cancelTimer = link.host.clock.setTimer(input.expiresMs + pullGraceMs, nothing);
      input.signal.addEventListener('abort', nothing, { once: true });
      const take = (deliveries: readonly WorkDelivery[]): void => {
        if (isOpen) {
          close();
          resolve(deliveries);
        } else for (const { ackTo } of deliveries) this.work.release(ackTo);
      };
      link.send(() => {
        this.#server.queue(name).pull({
          host: link.host,
          batch: input.batch,
          waitMs: input.expiresMs,
          deliver: (handed) => {
            const deliveries = handed.map(({ seq, message, deliveries: count }): WorkDelivery => ({
              message,
              ackTo: this.#server.ackTo(name, seq, count),
              deliveries: count,
            }));
            link.wire.receive(() => {
              take(deliveries);
            });
          },
        });
      });
    });
  }

  #ask(request: ShardRequest, timeoutMs: number): Promise<unknown> {
    const nobody = (): Error => new TroupeError('SHARD_UNAVAILABLE', { retryAfterMs: 250 });
    return this.#answered((answer) => this.#server.request(request, answer), { timeoutMs, nobody });
  }

  #askNode(nodeId: string, request: NodeRequest, timeoutMs: number): Promise<unknown> {
    if (request.verb === 'stop') {
      // Nobody waits for the answer of a stop.
      this.link.assertConnected();
      this.link.send(() => {
        this.#server.requestNode(nodeId, request, () => undefined);
      });
      return Promise.resolve(null);
    }
    const nobody = (): Error => new TroupeError('NODE_SILENT');
    return this.#answered((answer) => this.#server.requestNode(nodeId, request, answer), { timeoutMs, nobody });
  }

  /** `request` returns false if nobody listens. Then nothing was done. */
  async #answered(
    request: (answer: (answer: Answer) => void) => boolean,
    { timeoutMs, nobody }: { readonly timeoutMs: number; readonly nobody: () => Error },
  ): Promise<unknown> {
    const { link } = this;
    link.assertConnected();
    return new Promise((resolve, reject) => {
      const unknown = (): void => {
        settle({ error: new TroupeError('OUTCOME_UNKNOWN') });
      };
      const cancelTimer = link.host.clock.setTimer(timeoutMs, unknown);
      const done = link.orFail(unknown);
      const settle = (answer: Answer): void => {
        cancelTimer();
        done();
        if ('error' in answer) reject(answer.error);
        else resolve(answer.value);
      };
      const answer = (given: Answer): void => {
        link.wire.receive(() => {
          settle(given);
        });
      };
      link.wire.send(
        () => {
          if (!request(answer)) answer({ error: nobody() });
        },
        { mayDouble: true },
      );
    });
  }

  /** Announces the shards that this process serves. An older announcement never takes effect after a newer one. */
  #tellShards(): void {
    this.#told += 1;
    const told = this.#told;
    const shards = new Set(this.#handlers.keys());
    this.link.wire.sendSurely(() => {
      if (told < this.#heard) return;
      this.#heard = told;
      this.#peer.shards = shards;
    });
  }
  #heard = 0;

  #makePeer(): Peer {
    const { wire, host } = this.link;
    return {
      host,
      shards: new Set(),
      serveShard: (request, answer) => {
        wire.receive(() => {
          this.#reply(this.#serve(request), answer);
        });
      },
      serveNode: ({ verb, payload }, answer) => {
        wire.receive(() => {
          const handled = this.#nodeHandler?.(verb, payload);
          // Nobody waits for the answer of a stop.
          if (handled === undefined || verb === 'stop') return;
          this.#reply(handled, answer);
        });
      },
      nodeChanged: (key, node, revision) => {
        if (wire.isCut) return;
        wire.receiveSurely(() => {
          this.membership.seen.apply(key, node, revision);
        });
      },
      leaseChanged: (key, lease, revision) => {
        if (wire.isCut) return;
        wire.receiveSurely(() => {
          this.leases.seen.apply(key, lease, revision);
        });
      },
      configChanged: (key, stamp) => {
        if (wire.isCut) return;
        wire.receiveSurely(() => {
          this.config.apply(key, stamp);
        });
      },
      published: (event) => {
        this.events.published(event);
      },
      live: ({ jobId, change }: LiveChange) => {
        if (!this.#watchers.has(jobId)) return;
        wire.receive(() => {
          for (const listener of this.#watchers.get(jobId) ?? []) listener(change);
        });
      },
    };
  }

  #reply(handled: Promise<unknown>, answer: (answer: Answer) => void): void {
    const send = (given: Answer): void => {
      this.link.wire.send(() => {
        answer(given);
      });
    };
    handled.then(
      (value) => {
        send({ value });
      },
      (error: unknown) => {
        send({ error: TroupeError.from(error) });
      },
    );
  }

  async #serve({ shard, verb, items }: ShardRequest): Promise<unknown> {
    const handler = this.#handlers.get(shard);
    if (handler === undefined) throw new TroupeError('SHARD_UNAVAILABLE', { retryAfterMs: 250 });
    return handler(verb, items as never[]);
  }

  #lookLater(): void {
    this.link.host.clock.setTimer(this.#isSure ? identityCheckMs : lookRetryMs, () => {
      this.#look();
      this.#lookLater();
    });
  }

  #look(): void {
    if (!this.link.connected) return;
    const look = this.#looks;
    const beganMs = this.link.host.clock.monotonicMs();
    const seen = (): Seen => ({ streams: this.#server.identity, process: this.#server.process });
    this.link
      .call(seen, { timeoutMs: publishTimeoutMs })
      .then((found) => (look === this.#looks ? this.#saw(found, beganMs, look) : undefined))
      .catch(() => undefined);
  }

  /** Restores the keys first, then notifies publishers. What may be lost is announced again before anything new. */
  async #saw({ streams, process }: Seen, beganMs: number, look: number): Promise<void> {
    const isReplaced = streams !== this.#streams;
    if (isReplaced) {
      this.leases.replaced();
      await Promise.all([this.membership.replaced(), this.config.restore()]);
      if (look !== this.#looks) return;
    }
    this.#isSure = true;
    if (isReplaced || process !== this.#process) {
      this.leases.replaced();
      this.membership.seen.replaced();
      void this.config.restore().catch(() => undefined);
      for (const listener of [...this.#doubters]) listener();
    }
    this.#streams = streams;
    this.#process = process;
    this.#soundAtMs = beganMs;
    if (isReplaced) for (const listener of [...this.#replaced]) listener(streams);
  }
}

/** Identity of the server: its streams, and the number of its start. */
interface Seen {
  readonly streams: string;
  readonly process: number;
}
