/** How this process proves who it is. Files are read at each connection: they may be exchanged while it runs. */
import { readFileSync } from 'node:fs';
import { type Authenticator, credsAuthenticator, usernamePasswordAuthenticator } from '@nats-io/transport-node';

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
