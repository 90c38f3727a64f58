/** How long to wait before a cell is restarted: 0.2 s doubling to 30 s, and 0.2 s again after a healthy minute. */
const backoffMinMs = 200;
const backoffMaxMs = 30_000;
/** A cell that was up for this long is restarted fast again. */
const healthyAfterMs = 60_000;
/** How many times a cell may die without ever having been up. Then it cannot be started at all. */
const firstStartsMax = 5;

export class RestartPauses {
  #backoffMs = backoffMinMs;
  #failedStarts = 0;
  #everUp = false;

  /**
   * `upForMs`: how long the ended cell was up; undefined if it never was. Returns undefined when the cell cannot be
   * started at all.
   */
  next(upForMs: number | undefined): number | undefined {
    this.#everUp ||= upForMs !== undefined;
    this.#failedStarts = upForMs === undefined ? this.#failedStarts + 1 : 0;
    if (!this.#everUp && this.#failedStarts >= firstStartsMax) return undefined;
    if (upForMs !== undefined && upForMs >= healthyAfterMs) this.#backoffMs = backoffMinMs;
    const pauseMs = this.#backoffMs;
    this.#backoffMs = Math.min(backoffMaxMs, pauseMs * 2);
    return pauseMs;
  }
}
