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
/** So soon again when nobody could say who the caller is: else each such answer would make a taken back credential last. */
const uncheckedAgainMs = 5_000;

export interface CallerWatch {
  readonly clock: Pick<Clock, 'setTimer' | 'wallMs'>;
  readonly principal: Principal;
  /** Finds out anew who makes the call. */
  readonly admit: () => Principal | Promise<Principal>;
  readonly end: (why: TroupeError) => void;
}

/** Returns the function that stops watching. */
export function watchCaller({ clock, principal, admit, end: endCall }: CallerWatch): () => void {
  const { expiresAtMs = Infinity, kind } = principal;
  const expired = kind === 'certificate' ? 'CERTIFICATE_EXPIRED' : 'TOKEN_EXPIRED';
  const endsAtMs = expiresAtMs + expiryGraceMs;
  let isOver = false;
  let stopExpiry = (): void => undefined;
  let stopLooking = (): void => undefined;
  const stop = (): void => {
    isOver = true;
    stopExpiry();
    stopLooking();
  };
  const end = (why: TroupeError): void => {
    stop();
    endCall(why);
  };
  /** The wall clock decides, also when it was set back meanwhile. */
  const expireLater = (): void => {
    stopExpiry = clock.setTimer(Math.max(0, endsAtMs - clock.wallMs()), () => {
      if (clock.wallMs() < endsAtMs) expireLater();
      else end(new TroupeError(expired));
    });
  };
  const lookLater = (afterMs: number): void => {
    stopLooking = clock.setTimer(afterMs, () => void lookAgain());
  };
  const lookAgain = async (): Promise<void> => {
    const found = await lookAt(principal, admit);
    if (isOver) return;
    if (found === 'same') lookLater(lookAgainMs);
    else if (found === 'unchecked') lookLater(uncheckedAgainMs);
    // An expired credential has its grace. The timer does not know of it when the wall clock was set forward.
    else if (found.code === 'TOKEN_EXPIRED' && clock.wallMs() < endsAtMs) lookLater(lookAgainMs);
    else end(found);
  };
  if (endsAtMs !== Infinity) expireLater();
  if (kind !== 'anyone') lookLater(lookAgainMs);
  return stop;
}

async function lookAt(before: Principal, admit: CallerWatch['admit']): Promise<'same' | 'unchecked' | TroupeError> {
  try {
    return isSame(before, await admit()) ? 'same' : new TroupeError('ACCESS_CHANGED');
  } catch (error) {
    const why = TroupeError.from(error);
    return why.retryable ? 'unchecked' : why;
  }
}

function isSame(one: Principal, other: Principal): boolean {
  return (
    one.id === other.id &&
    one.tenant === other.tenant &&
    one.roles.join() === other.roles.join() &&
    one.permissions.size === other.permissions.size &&
    [...one.permissions].every((permission) => other.permissions.has(permission))
  );
}
