/** Lets calls of a tenant count and write one after the other, so that many at once do not all pass the same limit. */
export class TenantTurns {
  readonly #last = new Map<string, Promise<unknown>>();

  async take<T>(tenant: string, act: () => Promise<T>): Promise<T> {
    const turn = this.#after(this.#last.get(tenant), act);
    this.#last.set(tenant, turn);
    try {
      return await turn;
    } finally {
      if (this.#last.get(tenant) === turn) this.#last.delete(tenant);
    }
  }

  async #after<T>(before: Promise<unknown> | undefined, act: () => Promise<T>): Promise<T> {
    // How it ended is for whoever waits for it.
    if (before !== undefined) await Promise.allSettled([before]);
    return act();
  }
}
