import { describe, expect, it } from 'vitest';
import { takesTenant } from '../../../src/domain/tenant-pool.ts';

const dedicated = new Set(['acme', 'shop-eu']);
const takes = (tenants: readonly string[] | undefined, tenant: string): boolean =>
  takesTenant(tenants, tenant, (name) => dedicated.has(name));

describe('a node takes jobs of', () => {
  it.each([
    [undefined, 'other', true],
    [undefined, 'acme', false],
    [['*'], 'other', true],
    [['*'], 'acme', false],
    [['acme'], 'acme', true],
    [['acme'], 'acme2', false],
    [['acme'], 'other', false],
    [['shop-*'], 'shop-eu', true],
    [['shop-*'], 'shop-us', true],
    [['shop-*'], 'shop', false],
    [['*', 'acme'], 'acme', true],
    [['*', 'acme'], 'shop-eu', false],
    [['*', 'acme'], 'other', true],
    [[], 'other', false],
    [['toString'], '__proto__', false],
  ] as const)('%j: %s %s', (tenants, tenant, expected) => {
    expect(takes(tenants, tenant)).toBe(expected);
  });
});
