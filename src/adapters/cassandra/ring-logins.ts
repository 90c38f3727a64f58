/**
 * Gives the logins of a ring their rights and passwords. Whoever opens the store with logins must be allowed to make roles, and
 * own the keyspace or be a superuser. A crash in between leaves roles with some of their rights; the next run completes them.
 */
import type { Clock } from '../../application/ports/runtime.ts';
import { TroupeError } from '../../domain/errors.ts';
import { storeComponents } from '../../domain/store-component.ts';
import { isForbidden, isInvalid, reasonOfRefusal } from './cassandra-error.ts';
import type { CqlClient } from './cql-client.ts';
import {
  commonStatement,
  componentRole,
  createLogin,
  grantStatements,
  keyspaceRevocations,
  membershipStatements,
  passwordStatement,
  type RingLogin,
  roleStatements,
  separations,
} from './role-statements.ts';
import { schemaTables } from './schema-migrations.ts';

/** Cassandra 5.0.9 takes a password for a role 5 s after the last one, and says until then that it is overloaded. */
const passwordWaitMs = 30_000;
const passwordPollMs = 500;

export interface RingLoginsParts {
  readonly client: Pick<CqlClient, 'changeSchema'>;
  readonly keyspace: string;
  readonly clock: Clock;
}

/** Rejects with INTERNAL_ERROR, in the words of the server, if the ring or its login does not allow it. */
export async function applyRingLogins(parts: RingLoginsParts, logins: readonly RingLogin[]): Promise<void> {
  if (logins.length === 0) return;
  try {
    await apply(parts, logins);
  } catch (error) {
    const reason = reasonOfRefusal(error);
    if (reason === undefined) throw error;
    // The statement itself may hold a password.
    throw new TroupeError('INTERNAL_ERROR', {
      message:
        `the rights of store.cassandra.logins cannot be granted: ${reason}. ` +
        'It takes a ring with CassandraAuthorizer, and a login that may make roles and grant what is in the keyspace',
      cause: error,
    });
  }
}

async function apply({ client, keyspace, clock }: RingLoginsParts, logins: readonly RingLogin[]): Promise<void> {
  for (const statement of [...roleStatements(keyspace), ...grantStatements(keyspace, schemaTables)])
    await client.changeSchema(statement);
  for (const component of storeComponents) await lessen(client, keyspace, componentRole(keyspace, component));
  await applyMemberships(client, separations(keyspace));
  for (const login of logins) {
    await client.changeSchema(createLogin(login));
    await lessen(client, keyspace, login.user);
    await applyMemberships(client, membershipStatements(keyspace, login));
    await setPassword(client, login, clock);
  }
}

/**
 * Takes from a role that was there before, or that somebody changed, what would reach beyond the rights by table. A login that is no
 * superuser need not make sure that others are none: the server refuses it the password of a role that it did not make.
 */
async function lessen(client: RingLoginsParts['client'], keyspace: string, role: string): Promise<void> {
  for (const statement of keyspaceRevocations(keyspace, role)) await client.changeSchema(statement);
  await client.changeSchema(commonStatement(role)).catch((error: unknown) => {
    if (!isForbidden(error)) throw error;
  });
}

/** What is so already, the server calls invalid. */
async function applyMemberships(client: RingLoginsParts['client'], statements: readonly string[]): Promise<void> {
  for (const statement of statements) {
    await client.changeSchema(statement).catch((error: unknown) => {
      if (!isInvalid(error)) throw error;
    });
  }
}

async function setPassword(
  client: RingLoginsParts['client'],
  login: RingLogin,
  clock: Pick<Clock, 'monotonicMs' | 'setTimer'>,
): Promise<void> {
  const deadlineMs = clock.monotonicMs() + passwordWaitMs;
  for (;;) {
    try {
      await client.changeSchema(passwordStatement(login));
      return;
    } catch (error) {
      const isLater = error instanceof TroupeError && error.code === 'STORE_UNAVAILABLE';
      if (!isLater || clock.monotonicMs() > deadlineMs) throw error;
    }
    await new Promise<void>((resolve) => clock.setTimer(passwordPollMs, resolve));
  }
}
