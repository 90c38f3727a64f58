/**
 * Limits what one connection may send besides calls: pings, settings and cancelled calls. Node answers pings and settings
 * as fast as they come, and nghttp2 limits only those whose answers are not read.
 *
 * - Pings may come as often as answers do, since some clients measure the line with each of them. Beyond that there is a
 *   burst, then a rate. Past it the connection ends with ENHANCE_YOUR_CALM; gRPC clients take `too_many_pings` as a sign
 *   to ping less often. Settings alike.
 * - A connection that cancels too many calls is drained: its calls are answered, and the next ones use a new connection.
 */
import {
  constants,
  type Http2SecureServer,
  type Http2Server,
  type Http2Session,
  type ServerHttp2Session,
} from 'node:http2';
import { FrameQuota, type FrameRate } from './frame-quota.ts';

/** nghttp2 ends a connection with an error when a thousand answers to pings wait to be sent. */
const pingRate: FrameRate = { burst: 500, perSecond: 10 };
const settingsRate: FrameRate = { burst: 100, perSecond: 1 };
const resetRate: FrameRate = { burst: 1_000, perSecond: 33 };

interface Quotas {
  readonly pings: FrameQuota;
  readonly resets: FrameQuota;
  isOver: boolean;
}

export class FrameFloods {
  readonly #quotas = new WeakMap<Http2Session, Quotas>();
  readonly #cut: () => void;

  /** `cut` is called for each connection that ends because of a flood. */
  constructor(cut: () => void) {
    this.#cut = cut;
  }

  follow(server: Http2Server | Http2SecureServer): void {
    server.on('session', (session: ServerHttp2Session) => this.#begin(session));
  }

  /** A message was sent. */
  sent(session: Http2Session): void {
    this.#quotas.get(session)?.pings.refill();
  }

  /** A call ended before its answer did. */
  reset(session: Http2Session): void {
    const quotas = this.#quotas.get(session);
    if (quotas === undefined || quotas.isOver || quotas.resets.take(performance.now())) return;
    this.#end(quotas, () => session.close());
  }

  /**
   * Ends a connection once what has arrived of it is read. Node aborts the process if a session is destroyed while headers
   * of it are read, and events come from within the reading.
   */
  #end(quotas: Quotas, end: () => void): void {
    quotas.isOver = true;
    this.#cut();
    setImmediate(end);
  }

  #begin(session: ServerHttp2Session): void {
    const nowMs = performance.now();
    const pings = new FrameQuota(pingRate, nowMs);
    const settings = new FrameQuota(settingsRate, nowMs);
    const quotas: Quotas = { pings, resets: new FrameQuota(resetRate, nowMs), isOver: false };
    this.#quotas.set(session, quotas);
    const count = (quota: FrameQuota, why: string): void => {
      if (quotas.isOver || quota.take(performance.now())) return;
      this.#end(quotas, () => {
        if (session.destroyed) return;
        session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from(why));
        session.destroy();
      });
    };
    session.on('ping', () => count(pings, 'too_many_pings'));
    session.on('remoteSettings', () => count(settings, 'too_many_settings'));
  }
}
