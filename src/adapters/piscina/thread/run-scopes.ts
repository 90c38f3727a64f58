/**
 * Whose code it is that runs in a thread now: that of the present run, what an earlier run has left behind, or the modules
 * of a handler. Told by the asynchronous context, which timers, sockets and promises carry along. So what is left over
 * throws, exits and prints under its own name, and not under that of the run that happens to be there.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { describeThrown } from '../../../handlers/execution.ts';
import type { RunOutput } from '../protocol/output-capture.ts';

/** For whoever interrupts the thread: evaluates to the name of what is at work, unless it is the present run. */
export const strayQuestion = `globalThis[Symbol.for('troupe.thread.stray')]?.()`;
const strayKey = Symbol.for('troupe.thread.stray');

export interface Scope {
  /** As a person knows it. */
  readonly name: string;
  readonly handler: string;
  /** Of a run: where what it prints goes. Modules have none of their own. */
  readonly output: RunOutput | undefined;
}

export class RunScopes {
  readonly #storage = new AsyncLocalStorage<Scope>();
  readonly #onStray: (text: string) => void;
  #present: Scope | undefined;

  /** `onStray`: what is not of the present run did something that would have ended it. */
  constructor(onStray: (text: string) => void) {
    this.#onStray = onStray;
    process.on('uncaughtExceptionMonitor', (error) => {
      const stray = this.#stray();
      if (stray === undefined) return;
      this.#onStray(`what ${stray.name} left behind in this thread threw: ${describeThrown(error)}`);
      process.once('uncaughtException', () => undefined);
    });
    Object.defineProperty(globalThis, strayKey, { value: () => this.#stray()?.name });
    this.#guardExit();
  }

  /** What `act` starts belongs to this scope for ever. */
  within<T>(scope: Scope, act: () => T): T {
    return this.#storage.run(scope, act);
  }

  /** Until the next call this is the present run. */
  enter(scope: Scope | undefined): void {
    this.#present = scope;
  }

  /** Where what is printed now belongs; undefined when it belongs nowhere. */
  get output(): RunOutput | undefined {
    const scope = this.#storage.getStore();
    if (scope?.output !== undefined) return scope.output;
    return scope === undefined || scope.handler === this.#present?.handler ? this.#present?.output : undefined;
  }

  /** Who is at work, if not the present run. A module of its own handler counts as the run. */
  #stray(): Scope | undefined {
    const scope = this.#storage.getStore();
    const present = this.#present;
    if (present === undefined || scope === undefined || scope === present) return undefined;
    return scope.output === undefined && scope.handler === present.handler ? undefined : scope;
  }

  #guardExit(): void {
    const exit = process.exit.bind(process);
    process.exit = (code) => {
      // Thrown, so that it ends nobody but its caller; the monitor hears of it.
      if (this.#stray() !== undefined) throw new Error(`process.exit(${code ?? ''})`);
      return exit(code);
    };
  }
}
