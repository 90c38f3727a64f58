/** Credentials that a ring requires. They are asked for at each connection, so that they may be replaced meanwhile. */
import type { ConnectionOptions } from 'node:tls';
import { auth, type ClientOptions } from 'cassandra-driver';
import { given } from '../../domain/given.ts';

export interface CassandraAccess {
  readonly login?: CassandraLogin;
  readonly tls?: () => CassandraTls;
}

interface CassandraLogin {
  readonly user: string;
  readonly password: () => string;
}

/** PEM texts. */
export interface CassandraTls {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export function accessOptions({ login, tls }: CassandraAccess): Pick<ClientOptions, 'authProvider' | 'sslOptions'> {
  return given({ authProvider: login && new FreshLogin(login), sslOptions: tls && freshTls(tls) });
}

/** The driver takes only what extends a provider of its own. */
class FreshLogin extends auth.PlainTextAuthProvider {
  readonly #login: CassandraLogin;

  constructor(login: CassandraLogin) {
    super(login.user, '');
    this.#login = login;
  }

  override newAuthenticator(endpoint: string, name: string): auth.Authenticator {
    const { user, password } = this.#login;
    return new auth.PlainTextAuthProvider(user, password()).newAuthenticator(endpoint, name);
  }
}

/** The driver copies these options for each connection, in this order, and so asks the getters. */
function freshTls(tls: () => CassandraTls): ConnectionOptions {
  let present = tls();
  return {
    // The driver turns verification off unless it is switched on explicitly.
    rejectUnauthorized: true,
    get ca() {
      present = tls();
      return present.ca;
    },
    get cert() {
      return present.cert;
    },
    get key() {
      return present.key;
    },
  };
}
