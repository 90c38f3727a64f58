/** How long to wait before a cell is started again: 0.2 s doubling to 30 s, and from the beginning after a healthy minute. */
const backoffMinMs = 200;
const backoffMaxMs = 30_000;
/** Up this long, a cell has earned a fast restart. */
const healthyAfterMs = 60_000;
/** Deaths without ever having been up, after which the first start is given up. */
const firstStartsMax = 5;

export class RestartPauses {
  #backoffMs = backoffMinMs;
  #failedStarts = 0;
  #everUp = false;

  /** `upForMs` of the cell that ended; undefined when it never was. The answer is undefined when it cannot be started at all. */
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
