/**
 * How this process authenticates. Credential files are read at each connect, so they may be replaced while the process
 * runs.
 */
import { readFileSync } from 'node:fs';
import { type Authenticator, credsAuthenticator, usernamePasswordAuthenticator } from '@nats-io/transport-node';

/** A NATS credentials file (JWT and seed), or a user name with the path of a file that holds the password. */
export type NatsLogin =
  | { readonly kind: 'creds'; readonly credsPath: string }
  | { readonly kind: 'user'; readonly user: string; readonly passwordPath: string };

export function loginOf(login: NatsLogin): Authenticator {
  switch (login.kind) {
    case 'creds':
      return credsAuthenticator(() => readFileSync(login.credsPath));
    case 'user':
      return usernamePasswordAuthenticator(login.user, () => readFileSync(login.passwordPath, 'utf8').trimEnd());
  }
}
