/** The handlers that this node has now. It takes work only for them. They change when handler files are reloaded. */
import { type HandlerNeed, type HandlerVersion, meetsNeed } from '../../domain/handler-need.ts';

export class NodeHandlers {
  readonly #byName = new Map<string, HandlerVersion>();
  readonly #listeners = new Set<() => void>();

  replace(handlers: readonly HandlerVersion[]): void {
    this.#byName.clear();
    for (const { name, version } of handlers) this.#byName.set(name, { name, version });
    for (const listener of [...this.#listeners]) listener();
  }

  list(): readonly HandlerVersion[] {
    return [...this.#byName.values()];
  }

  meet(need: HandlerNeed): boolean {
    const have = this.#byName.get(need.handler);
    return have !== undefined && meetsNeed(have, need);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
