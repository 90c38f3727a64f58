/**
 * The token of a login, fresh for each call. It is refreshed before it expires, by one process at a time: whoever waited
 * reads what the other one got. While the issuer is away the present token is used as long as it lives.
 */
import { LoginError } from '../errors/login-error.ts';
import type { Login } from './login-file.ts';

export interface LoginTokenParts {
  readonly nowMs: () => number;
  readonly read: () => Login | undefined;
  readonly write: (login: Login) => void;
  readonly alone: (work: () => Promise<Login>) => Promise<Login>;
  readonly refresh: (login: Login & { readonly refreshToken: string }) => Promise<Login>;
}

/** A token is refreshed when less than this is left of it, or than a quarter of its life if that is shorter. */
const refreshAheadMs = 60_000;
/** After a refresh that failed, the present token is used for so long before the next try. */
const pauseMs = 10_000;

export function createLoginToken(parts: LoginTokenParts): () => Promise<string> {
  const { nowMs, read, write, alone, refresh } = parts;
  let known: Login | undefined;
  let running: Promise<Login> | undefined;
  let notBeforeMs = 0;

  const leftMs = ({ expiresAtMs = Infinity }: Login): number => expiresAtMs - nowMs();

  const isFresh = (login: Login): boolean => {
    const lifeMs = (login.expiresAtMs ?? Infinity) - login.obtainedAtMs;
    return leftMs(login) > Math.min(refreshAheadMs, lifeMs / 4);
  };

  async function renew(): Promise<Login> {
    return alone(async () => {
      const login = present();
      if (isFresh(login)) return login;
      const { refreshToken } = login;
      if (refreshToken === undefined)
        throw new LoginError('the login has expired: run `troupe login` again', 'refused');
      const next = await refresh({ ...login, refreshToken });
      write(next);
      return next;
    });
  }

  function present(): Login {
    const login = read();
    if (login === undefined) throw new LoginError('the login is gone: run `troupe login` again', 'refused');
    return login;
  }

  return async () => {
    known ??= present();
    if (isFresh(known)) return known.accessToken;
    if (leftMs(known) > 0 && nowMs() < notBeforeMs) return known.accessToken;
    running ??= renew().finally(() => (running = undefined));
    try {
      known = await running;
    } catch (error) {
      if (leftMs(known) <= 0) throw error;
      notBeforeMs = nowMs() + pauseMs;
    }
    return known.accessToken;
  };
}
