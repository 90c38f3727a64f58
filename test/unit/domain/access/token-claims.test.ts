import { describe, expect, it } from 'vitest';
import { builtInRoles, grantsOf, rolesWith } from '../../../../src/domain/access/role.ts';
import { type ClaimMapping, principalOfClaims } from '../../../../src/domain/access/token-claims.ts';

const mapping: ClaimMapping = {
  issuer: 'corp',
  tenant: { claim: ['tenant'] },
  groupsClaim: ['groups'],
  roles: [],
  groupRoles: { admins: ['tenant-admin'], readers: ['viewer', 'auditor'] },
};
const roles = rolesWith({ auditor: ['logs.read'] });

function principalOf(claims: Readonly<Record<string, unknown>>, changes: Partial<ClaimMapping> = {}) {
  return principalOfClaims({ subject: '4711', expiresAtMs: 1, claims }, { ...mapping, ...changes }, roles);
}

describe('the principal of a token', () => {
  it('has the id of issuer and subject, the tenant of the claim, and the roles of its groups', () => {
    expect(principalOf({ tenant: 'acme', groups: ['readers', 'unknown'] })).toEqual({
      kind: 'subject',
      id: 'jwt:corp:4711',
      tenant: 'acme',
      roles: ['auditor', 'viewer'],
      permissions: new Set(['jobs.read', 'logs.read', 'queues.read']),
      expiresAtMs: 1,
      onlyIn: new Map(),
    });
  });

  it('has no tenant without the claim, and none is assumed', () => {
    for (const claims of [{}, { tenant: null }]) expect(principalOf(claims).tenant).toBeUndefined();
  });

  it.each([['acme.eu'], ['a/b'], [''], ['*'], [7], [['acme']], [{ name: 'acme' }], ['x'.repeat(65)]])(
    'is nobody if the claim is %j, which is no name of a tenant',
    (tenant) => {
      expect(() => principalOf({ tenant })).toThrow('not the name of a tenant');
    },
  );

  it('is nobody if its groups give a permission in more places than can go with each submit', () => {
    const groupRoles = Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`g${n}`, [`submitter@team${n}-*`]]));
    const groups = Object.keys(groupRoles);
    expect(principalOf({ groups: groups.slice(1) }, { groupRoles }).onlyIn.get('jobs.submit')).toHaveLength(64);
    expect(() => principalOf({ groups }, { groupRoles })).toThrow(
      'its groups give jobs.read in 65 places, and 64 are the most',
    );
    const wide = principalOf({ groups: [...groups, 'all'] }, { groupRoles: { ...groupRoles, all: ['submitter@*'] } });
    expect(wide.onlyIn.size).toBe(0);
  });

  it('has the fixed tenant of its issuer, whatever the token says', () => {
    expect(principalOf({ tenant: 'other' }, { tenant: { fixed: 'acme' } }).tenant).toBe('acme');
  });

  it('finds claims in depth, and only own ones', () => {
    const claims = { 'kubernetes.io': { namespace: 'acme' } };
    expect(principalOf(claims, { tenant: { claim: ['kubernetes.io', 'namespace'] } }).tenant).toBe('acme');
    for (const claim of [
      ['kubernetes.io', 'toString'],
      ['constructor', 'name'],
      ['__proto__', 'x'],
    ]) {
      expect(principalOf(claims, { tenant: { claim } }).tenant).toBeUndefined();
    }
  });

  it('has no role for a group named like a property of every object', () => {
    expect(principalOf({ groups: ['toString', 'constructor', '__proto__'] }).roles).toEqual([]);
  });

  it('takes a single group as text, and what is no text for no group', () => {
    expect(principalOf({ groups: 'admins' }).roles).toEqual(['tenant-admin']);
    expect(principalOf({ groups: [1, null, { admins: true }] }).roles).toEqual([]);
    expect(principalOf({ groups: { admins: true } }).roles).toEqual([]);
  });

  it('has the roles of its issuer besides those of its groups', () => {
    expect(principalOf({ groups: ['readers'] }, { roles: ['submitter'] }).roles).toEqual([
      'auditor',
      'submitter',
      'viewer',
    ]);
  });
});

describe('roles', () => {
  it('give the permissions of all of them, and a name that is no role gives none', () => {
    expect([...grantsOf(roles, ['viewer', 'nobody', 'toString']).permissions]).toEqual(['jobs.read', 'queues.read']);
  });

  it('of a tenant give nothing about the cluster, and the other way round', () => {
    for (const [name, permissions] of Object.entries(builtInRoles)) {
      const about = new Set(permissions.map((permission) => permission.startsWith('cluster.')));
      expect([...about]).toEqual([name.startsWith('cluster-')]);
    }
  });

  it('read no payload unless they say so', () => {
    const readers = Object.entries(builtInRoles).filter(([, held]) => held.some((one) => one === 'payloads.read'));
    expect(readers.map(([name]) => name)).toEqual(['payload-viewer', 'operator', 'tenant-admin']);
  });
});
