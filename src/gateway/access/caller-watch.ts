/**
 * Ends a call that lasts when its caller may not make it any more: the credential has expired or was taken back, or allows
 * something else than at the beginning.
 */
import type { Clock } from '../../application/ports/runtime.ts';
import type { Principal } from '../../domain/access/principal.ts';
import { TroupeError } from '../../domain/errors.ts';

/** How long a call outlives the credential with which it began: clocks differ, and a new token takes a moment. */
const expiryGraceMs = 30_000;
/** A credential that was taken back ends calls after this time and that for which it is known (30 s for an API key). */
const lookAgainMs = 30_000;

export interface CallerWatch {
  readonly clock: Pick<Clock, 'setTimer' | 'wallMs'>;
  readonly principal: Principal;
  /** Finds out anew who makes the call. */
  readonly admit: () => Principal | Promise<Principal>;
  readonly end: (why: TroupeError) => void;
}

/** Returns the function that stops watching. */
export function watchCaller({ clock, principal, admit, end }: CallerWatch): () => void {
  const stops: (() => void)[] = [];
  const { expiresAtMs, kind } = principal;
  if (expiresAtMs !== undefined) {
    const leftMs = Math.max(0, expiresAtMs + expiryGraceMs - clock.wallMs());
    stops.push(clock.setTimer(leftMs, () => end(new TroupeError('TOKEN_EXPIRED'))));
  }
  let isOver = false;
  let stopTimer = (): void => undefined;
  const lookAgain = async (): Promise<void> => {
    const why = await reasonToEnd(principal, admit);
    if (isOver) return;
    if (why === undefined) later();
    else end(why);
  };
  const later = (): void => {
    stopTimer = clock.setTimer(lookAgainMs, () => void lookAgain());
  };
  if (kind !== 'anyone') later();
  return () => {
    isOver = true;
    stopTimer();
    for (const stop of stops) stop();
  };
}

async function reasonToEnd(before: Principal, admit: CallerWatch['admit']): Promise<TroupeError | undefined> {
  try {
    return isSame(before, await admit()) ? undefined : new TroupeError('ACCESS_CHANGED');
  } catch (error) {
    const why = TroupeError.from(error);
    // What cannot be checked now is checked later. An expired credential has its grace.
    return why.retryable || why.code === 'TOKEN_EXPIRED' ? undefined : why;
  }
}

function isSame(one: Principal, other: Principal): boolean {
  return (
    one.id === other.id &&
    one.tenant === other.tenant &&
    one.permissions.size === other.permissions.size &&
    [...one.permissions].every((permission) => other.permissions.has(permission))
  );
}
