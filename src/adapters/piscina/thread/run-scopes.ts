/**
 * Tracks whose code runs in a thread now: that of the present run, something that an earlier run left behind, or the
 * modules of a handler. We know it from the asynchronous context, which timers, sockets and promises carry along. So
 * left-over code throws, exits and prints under its own name, and not under that of the present run.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { describeThrown } from '../../../handlers/execution.ts';
import type { RunOutput } from '../protocol/output-capture.ts';

/**
 * An expression for the inspector, which interrupts the thread. It yields the name of the code that is running, or
 * undefined if that is the present run.
 */
export const strayQuestion = `globalThis[Symbol.for('troupe.thread.stray')]?.()`;
const strayKey = Symbol.for('troupe.thread.stray');

export interface Scope {
  /** A name for people. */
  readonly name: string;
  readonly handler: string;
  /** Where the output of a run goes. Modules have none of their own. */
  readonly output: RunOutput | undefined;
}

export class RunScopes {
  readonly #storage = new AsyncLocalStorage<Scope>();
  readonly #onStray: (text: string) => void;
  #present: Scope | undefined;

  /** `onStray`: code that is not of the present run did something that would have ended the run. */
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

  /** Makes this the present run until the next call. */
  enter(scope: Scope | undefined): void {
    this.#present = scope;
  }

  /** The output that receives what is printed now. Undefined when that belongs to no run. */
  get output(): RunOutput | undefined {
    const scope = this.#storage.getStore();
    if (scope?.output !== undefined) return scope.output;
    return scope === undefined || scope.handler === this.#present?.handler ? this.#present?.output : undefined;
  }

  /**
   * The scope of the running code, unless it is the present run. A module of the run's own handler counts as the run.
   */
  #stray(): Scope | undefined {
    const scope = this.#storage.getStore();
    const present = this.#present;
    if (present === undefined || scope === undefined || scope === present) return undefined;
    return scope.output === undefined && scope.handler === present.handler ? undefined : scope;
  }

  #guardExit(): void {
    const exit = process.exit.bind(process);
    process.exit = (code) => {
      // We throw, so that only the caller ends. The monitor above sees the error.
      if (this.#stray() !== undefined) throw new Error(`process.exit(${code ?? ''})`);
      return exit(code);
    };
  }
}
