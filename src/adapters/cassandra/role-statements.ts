/**
 * The statements that bring roles and grants of a ring to what `table-rights.ts` declares. Pure. All of them may be run again, and
 * a right that is not declared is taken away, so afterwards nothing depends on what was there before.
 *
 * Each component has a role that nobody logs in as. A login is a role that has been granted those of its components. So a
 * process with several roles has the rights of all, and two logins may have the same ones while passwords change.
 */
import { invariant } from '../../domain/errors.ts';
import { type StoreComponent, storeComponents } from '../../domain/store-component.ts';
import { rightsByTable, rightsOf, tableRights } from './table-rights.ts';

export interface RingLogin {
  /** 1 to 64 of A-Z a-z 0-9 . _ -, as the configuration says. */
  readonly user: string;
  /** At least one. */
  readonly components: readonly StoreComponent[];
  readonly password: string;
}

/** The slash keeps these names apart from those of logins. */
export function componentRole(keyspace: string, component: StoreComponent): string {
  return `${keyspace}/${component}`;
}

/** Grants come first, so that a table which one component hands to another has somebody at each moment. */
export function grantStatements(keyspace: string, tables: readonly string[]): readonly string[] {
  const unknown = tables.filter((table) => !rightsByTable.has(table));
  invariant(unknown.length === 0, `table-rights.ts says nothing about ${unknown.join(', ')}`);
  const grants: string[] = [];
  const revocations: string[] = [];
  for (const component of storeComponents) {
    const role = quoted(componentRole(keyspace, component));
    for (const table of tables) {
      const granted = rightsOf(component, table);
      for (const right of tableRights) {
        if (granted.includes(right)) grants.push(`GRANT ${right} ON TABLE ${keyspace}.${table} TO ${role}`);
        else revocations.push(`REVOKE ${right} ON TABLE ${keyspace}.${table} FROM ${role}`);
      }
    }
  }
  return [...grants, ...revocations];
}

export function roleStatements(keyspace: string): readonly string[] {
  return storeComponents.map((component) => `CREATE ROLE IF NOT EXISTS ${quoted(componentRole(keyspace, component))}`);
}

/** What a role may have on a whole keyspace. Troupe grants none of it. */
const keyspaceRights = ['CREATE', 'ALTER', 'DROP', 'AUTHORIZE', 'SELECT', 'MODIFY'] as const;

/** Takes away what somebody gave a component or a login on the whole keyspace, in both ways in which it reaches every table. */
export function keyspaceRevocations(keyspace: string, role: string): readonly string[] {
  const wholes = [`KEYSPACE ${keyspace}`, `ALL TABLES IN KEYSPACE ${keyspace}`];
  return wholes.flatMap((whole) => keyspaceRights.map((right) => `REVOKE ${right} ON ${whole} FROM ${quoted(role)}`));
}

/** The server takes it from superusers alone. */
export function commonStatement(role: string): string {
  return `ALTER ROLE ${quoted(role)} WITH SUPERUSER = false`;
}

/** Makes a login, without a password until `passwordStatement`. So it can be used once it has its rights, and not before. */
export function createLogin({ user }: RingLogin): string {
  return `CREATE ROLE IF NOT EXISTS ${quoted(user)}`;
}

/** Takes from components what they are not: logins, and each other. The server calls the latter invalid if it is so already. */
export function separations(keyspace: string): readonly string[] {
  const roles = storeComponents.map((component) => quoted(componentRole(keyspace, component)));
  return roles.flatMap((role) => {
    const others = roles.filter((other) => other !== role);
    return [`ALTER ROLE ${role} WITH LOGIN = false`, ...others.map((other) => `REVOKE ${other} FROM ${role}`)];
  });
}

/** Unlike the others, the server calls these invalid if it is so already. */
export function membershipStatements(keyspace: string, { user, components }: RingLogin): readonly string[] {
  return storeComponents.map((component) => {
    const role = quoted(componentRole(keyspace, component));
    return components.includes(component) ? `GRANT ${role} TO ${quoted(user)}` : `REVOKE ${role} FROM ${quoted(user)}`;
  });
}

export function passwordStatement({ user, password }: RingLogin): string {
  return `ALTER ROLE ${quoted(user)} WITH PASSWORD = ${literal(password)} AND LOGIN = true`;
}

function quoted(role: string): string {
  return `"${role.replaceAll('"', '""')}"`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
