/**
 * Remembers what was removed from a bucket, with its value. A removed entry may reappear: in a bucket that has lost its
 * last writes, or because a process that missed the removal writes its own entries again. The entry is then removed
 * once more.
 *
 * Only the newest `rememberedMax` removals are remembered.
 */
export const rememberedMax = 1_000;

export class TakenAway<T> {
  /** By key, oldest first. */
  readonly #said = new Map<string, T>();

  remember(key: string, said: T): void {
    this.#said.delete(key);
    this.#said.set(key, said);
    const [oldest] = this.#said.keys();
    if (this.#said.size > rememberedMax && oldest !== undefined) this.#said.delete(oldest);
  }

  /** Forgets the removal, because the key has a new value. */
  forget(key: string): void {
    this.#said.delete(key);
  }

  get(key: string): T | undefined {
    return this.#said.get(key);
  }
}
