/**
 * An attempt whose keys are away waits for them, for a while. Then it is released, which costs the job no attempt. While it
 * waits it holds no slot, so tenants whose keys are there go on; and a tenant has only so many that wait on a node.
 */
import type { Clock } from '../../application/ports/runtime.ts';
import type { Sealing } from '../../application/sealing/sealing.ts';
import { TroupeError } from '../../domain/errors.ts';
import { SharedRoom } from '../../domain/shared-room.ts';

const keyWaitMaxMs = 30_000;
const retryMs = { first: 250, most: 2_000 } as const;
/** A key service that takes longer counts as away, until it has answered. */
const answerSoonMs = 250;
/** Attempts of a tenant that wait on a node, and of all tenants. Those that were claimed meanwhile come on top. */
export const keyWaitsMax = { ofTenant: 64, ofNode: 1_024 } as const;

interface Waiting {
  /** Nobody wants the attempt to begin any more. */
  readonly isOver: () => boolean;
  /** Told each time that keys are away. */
  readonly away: () => void;
}

/** Rejects with the error of `work`. */
export async function whileKeysAway<T>(
  clock: Pick<Clock, 'monotonicMs' | 'setTimer'>,
  { isOver, away }: Waiting,
  work: () => Promise<T>,
): Promise<T> {
  const untilMs = clock.monotonicMs() + keyWaitMaxMs;
  for (let tries = 0; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const isAway = error instanceof TroupeError && error.code === 'ENCRYPTION_UNAVAILABLE';
      if (!isAway || isOver() || clock.monotonicMs() >= untilMs) throw error;
    }
    away();
    const delayMs = Math.min(retryMs.most, retryMs.first * 2 ** Math.min(tries, 10));
    await new Promise<void>((resolve) => void clock.setTimer(delayMs, resolve));
  }
}

/** The same sealing. `late` is told of each key that does not come soon. */
export function toldWhenLate(sealing: Sealing, clock: Pick<Clock, 'setTimer'>, late: () => void): Sealing {
  const told = <T>(asked: Promise<T>): Promise<T> => {
    const settled = clock.setTimer(answerSoonMs, late);
    return asked.finally(settled);
  };
  return {
    ...sealing,
    sealer: (tenant) => told(sealing.sealer(tenant)),
    open: (...asked) => told(sealing.open(...asked)),
  };
}

/** How many attempts wait for keys. */
export class KeyWaits {
  readonly #room = new SharedRoom(keyWaitsMax.ofNode);

  /** Whether no more work of the tenant is taken: what it has here cannot begin. One of each tenant may always wait. */
  isFull(tenant: string): boolean {
    const waiting = this.#room.usedBy(tenant);
    return waiting >= keyWaitsMax.ofTenant || (waiting > 0 && this.#room.used >= this.#room.max);
  }

  begin(tenant: string): void {
    this.#room.take(tenant, 1);
  }

  end(tenant: string): void {
    this.#room.release(tenant, 1);
  }
}
