/**
 * The way between a host and a service (store or bus) and back. Messages take time and overtake each other. With faults
 * they may be lost, late, duplicated, or answered by a refusal. While the wire is cut nothing passes.
 */
import type { Random } from '../../../src/application/ports/runtime.ts';
import type { Host } from './host.ts';

/** Probabilities per message or call. All zero is a healthy network. */
export interface Weather {
  /** A message is lost. */
  lossRate: number;
  /** A message takes up to `slowMs` instead of some milliseconds. */
  slowRate: number;
  slowMs: number;
  /** A request arrives twice. */
  doubleRate: number;
  /** The service refuses and has done nothing. */
  refusalRate: number;
}

export function calmWeather(): Weather {
  return { lossRate: 0, slowRate: 0, slowMs: 0, doubleRate: 0, refusalRate: 0 };
}

export interface CallOptions<T> {
  /** Runs at the service. */
  readonly serve: () => T;
  readonly timeoutMs: number;
  /** The caller's error if no answer arrives in time. */
  readonly unanswered: () => Error;
  /** The caller's error if the service refuses. Nothing was done then. Default: the service never refuses. */
  readonly refused?: () => Error;
  readonly mayDouble?: boolean;
}

export class Wire {
  readonly host: Host;
  readonly #weather: Weather;
  readonly #random: Random;
  #cut = false;
  /** Messages that a cut delays until it is over. */
  #stuck: (() => void)[] = [];
  #connection = 1;

  constructor(host: Host, weather: Weather, random: Random) {
    this.host = host;
    this.#weather = weather;
    this.#random = random;
  }

  get isCut(): boolean {
    return this.#cut;
  }

  cut(): void {
    this.#cut = true;
  }

  mend(): void {
    this.#cut = false;
    for (const task of this.#stuck.splice(0)) this.host.timeline.at(this.#delayMs(), task);
  }

  /** The service was restarted, so nothing that is in flight arrives. */
  reset(): void {
    this.#connection += 1;
  }

  /** Sends from the host to the service. */
  send(arrive: () => void, options: { readonly mayDouble?: boolean } = {}): void {
    this.#pass(arrive);
    if (options.mayDouble === true && this.#happens(this.#weather.doubleRate)) this.#pass(arrive);
  }

  /** Sends from the service to the host. */
  receive(arrive: () => void): void {
    this.#pass(() => {
      this.host.run(arrive);
    });
  }

  /** Never lost: arrives when the wire is no longer cut. */
  sendSurely(arrive: () => void): void {
    if (this.#cut) this.#stuck.push(arrive);
    else this.host.timeline.at(this.#delayMs(), arrive);
  }

  /** Like `sendSurely`, from the service to the host. */
  receiveSurely(arrive: () => void): void {
    this.sendSurely(() => {
      this.host.run(arrive);
    });
  }

  /** A request and its answer. An error that `serve` throws is the answer too. */
  call<T>(options: CallOptions<T>): Promise<T> {
    const { serve, refused } = options;
    return new Promise((resolve, reject) => {
      let isOpen = true;
      const settle = (act: () => void): void => {
        if (!isOpen) return;
        isOpen = false;
        cancel();
        act();
      };
      const cancel = this.host.clock.setTimer(options.timeoutMs, () => {
        settle(() => {
          reject(options.unanswered());
        });
      });
      if (refused !== undefined && this.#happens(this.#weather.refusalRate)) {
        this.receive(() => {
          settle(() => {
            reject(refused());
          });
        });
        return;
      }
      const arrive = (): void => {
        const answer = outcomeOf(serve);
        this.receive(() => {
          settle(() => {
            if ('error' in answer) reject(answer.error);
            else resolve(answer.value);
          });
        });
      };
      this.send(arrive, { mayDouble: options.mayDouble ?? false });
    });
  }

  /** Delivers a message, unless it is lost. Of the messages during a cut, some arrive after it. */
  #pass(arrive: () => void): void {
    const connection = this.#connection;
    const land = (): void => {
      if (connection === this.#connection) arrive();
    };
    if (this.#cut) {
      if (this.#random() < 0.3) this.#stuck.push(land);
      return;
    }
    if (this.#happens(this.#weather.lossRate)) return;
    this.host.timeline.at(this.#delayMs(), land);
  }

  #delayMs(): number {
    const quickMs = 0.2 + this.#random() * 2;
    return this.#happens(this.#weather.slowRate) ? quickMs + this.#random() * this.#weather.slowMs : quickMs;
  }

  #happens(rate: number): boolean {
    return rate > 0 && this.#random() < rate;
  }
}

function outcomeOf<T>(serve: () => T): { readonly value: T } | { readonly error: Error } {
  try {
    return { value: serve() };
  } catch (error) {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }
}
