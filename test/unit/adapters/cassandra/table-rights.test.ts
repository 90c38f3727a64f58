/** What `troupe migrate` grants: the declaration covers the schema, and the statements say nothing else. */
import { expect, it } from 'vitest';
import {
  commonStatement,
  grantStatements,
  keyspaceRevocations,
  membershipStatements,
  passwordStatement,
} from '../../../../src/adapters/cassandra/role-statements.ts';
import { schemaTables } from '../../../../src/adapters/cassandra/schema-migrations.ts';
import { rightsByTable, rightsOf, tableRights } from '../../../../src/adapters/cassandra/table-rights.ts';
import { storeComponents } from '../../../../src/domain/store-component.ts';

it('every table of the schema is declared, and nothing else is', () => {
  expect(schemaTables.toSorted()).toEqual([...rightsByTable.keys()].toSorted());
});

it('a table that is not declared is granted to nobody', () => {
  expect(() => grantStatements('troupe', [...schemaTables, 'new_table'])).toThrow('says nothing about new_table');
  // Names that plain objects know.
  expect(() => grantStatements('troupe', ['constructor'])).toThrow('says nothing about constructor');
});

it('says of each component, table and right either that it is granted or that it is taken away', () => {
  const statements = grantStatements('troupe', schemaTables);
  expect(statements).toHaveLength(storeComponents.length * schemaTables.length * tableRights.length);
  for (const component of storeComponents) {
    for (const table of schemaTables) {
      for (const right of tableRights) {
        const isGranted = rightsOf(component, table).includes(right);
        expect(statements).toContain(
          isGranted
            ? `GRANT ${right} ON TABLE troupe.${table} TO "troupe/${component}"`
            : `REVOKE ${right} ON TABLE troupe.${table} FROM "troupe/${component}"`,
        );
      }
    }
  }
  expect(statements.findLastIndex((text) => text.startsWith('GRANT'))).toBeLessThan(
    statements.findIndex((text) => text.startsWith('REVOKE')),
  );
});

it('only shards modify jobs, only gateways add to the audit log, and workers modify payloads alone', () => {
  const modifiers = (table: string) =>
    storeComponents.filter((component) => rightsOf(component, table).includes('MODIFY'));
  expect(modifiers('jobs')).toEqual(['shards']);
  expect(modifiers('audit_rows')).toEqual(['gateway']);
  expect(schemaTables.filter((table) => modifiers(table).includes('workers'))).toEqual(['payload_parts']);
  expect(schemaTables.filter((table) => modifiers(table).includes('auditor'))).toEqual([]);
});

it('whatever a role has on the whole keyspace is taken away, by its quoted name', () => {
  expect(keyspaceRevocations('troupe', 'a"b')).toEqual(
    ['KEYSPACE troupe', 'ALL TABLES IN KEYSPACE troupe'].flatMap((whole) =>
      ['CREATE', 'ALTER', 'DROP', 'AUTHORIZE', 'SELECT', 'MODIFY'].map(
        (right) => `REVOKE ${right} ON ${whole} FROM "a""b"`,
      ),
    ),
  );
  expect(commonStatement('a"b')).toBe('ALTER ROLE "a""b" WITH SUPERUSER = false');
});

it('a login has the roles of its components and no others, and its password as it is', () => {
  const login = { user: 'node-1', components: ['shards', 'workers'], password: "it's" } as const;
  expect(membershipStatements('troupe', login)).toEqual([
    'REVOKE "troupe/gateway" FROM "node-1"',
    'GRANT "troupe/shards" TO "node-1"',
    'GRANT "troupe/workers" TO "node-1"',
    'REVOKE "troupe/auditor" FROM "node-1"',
  ]);
  expect(passwordStatement(login)).toBe(`ALTER ROLE "node-1" WITH PASSWORD = 'it''s' AND LOGIN = true`);
});
