/**
 * What was taken away from a bucket, and what it said: a bucket that has lost the end of its writes shows it again, and so
 * does a process that has not heard of it and puts its own things back. Then it is taken away once more.
 *
 * The newest `rememberedMax` are remembered.
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

  /** Something new lies there. */
  forget(key: string): void {
    this.#said.delete(key);
  }

  get(key: string): T | undefined {
    return this.#said.get(key);
  }
}
