/** The handlers that this node has now. It takes work only for them. They change when handler files are reloaded. */
import type { HandlerManifest } from '../../domain/handler-manifest.ts';
import { type HandlerNeed, type HandlerVersion, meetsNeed } from '../../domain/handler-need.ts';

export class NodeHandlers {
  readonly #byName = new Map<string, HandlerVersion>();
  readonly #streamed = new Set<string>();
  readonly #listeners = new Set<() => void>();

  replace(handlers: readonly (HandlerVersion & Pick<HandlerManifest, 'inputStreamed'>)[]): void {
    this.#byName.clear();
    this.#streamed.clear();
    for (const { name, version, inputStreamed } of handlers) {
      this.#byName.set(name, { name, version });
      if (inputStreamed === true) this.#streamed.add(name);
    }
    for (const listener of [...this.#listeners]) listener();
  }

  list(): readonly HandlerVersion[] {
    return [...this.#byName.values()];
  }

  meet(need: HandlerNeed): boolean {
    const have = this.#byName.get(need.handler);
    return have !== undefined && meetsNeed(have, need);
  }

  /** Whether the handler reads its input piece by piece. */
  takesStream(handler: string): boolean {
    return this.#streamed.has(handler);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
