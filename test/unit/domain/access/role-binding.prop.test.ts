import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holdsIn } from '../../../../src/domain/access/principal.ts';
import { covers, parseBinding, wider } from '../../../../src/domain/access/role-binding.ts';
import { fitsPattern } from '../../../../src/domain/name-pattern.ts';
import { grantsOf, rolesWith } from '../../../../src/domain/access/role.ts';

// Few letters, so that names fit patterns often.
const name = fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 4 });
const queue = name.filter((text) => text !== '');
const pattern = fc.oneof(
  queue,
  name.map((text) => `${text}*`),
);
/** Every name of up to five of those letters: enough to tell apart what patterns of up to four letters mean. */
const allQueues = ['a', 'b', '-'].flatMap(withLonger);

function withLonger(text: string): string[] {
  return text.length === 5 ? [text] : [text, ...['a', 'b', '-'].flatMap((letter) => withLonger(text + letter))];
}

describe('a binding', () => {
  it('is a role, or a role and a queue or the beginning of queues', () => {
    expect(parseBinding('viewer')).toEqual({ role: 'viewer', queues: undefined });
    expect(parseBinding('viewer@reports')).toEqual({ role: 'viewer', queues: 'reports' });
    expect(parseBinding('viewer@reports-*')).toEqual({ role: 'viewer', queues: 'reports-*' });
    expect(parseBinding('viewer@*')).toEqual({ role: 'viewer', queues: '*' });
    for (const bad of ['', '@', 'viewer@', '@a', 'a@b@c', 'a@*b', 'a@b**', 'a@b c', 'a b', 'a'.repeat(65), 'a@b\n'])
      expect(parseBinding(bad), bad).toBeUndefined();
  });

  it('covers another one exactly if all queues of that one are its own', () => {
    fc.assert(
      fc.property(pattern, pattern, (wide, narrow) => {
        const all = allQueues.every((one) => !fitsPattern(one, narrow) || fitsPattern(one, wide));
        expect(covers(wide, narrow)).toBe(all);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is covered by the patterns that are wider, and by no others', () => {
    fc.assert(
      fc.property(pattern, pattern, (one, other) => {
        expect(wider(one).includes(other)).toBe(other !== one && covers(other, one));
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives a permission in the queues that fit one of the bindings that give it, and nowhere else', () => {
    const roles = rolesWith({});
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 3 }), fc.boolean(), queue, (patterns, isEverywhere, one) => {
        const bindings = [...patterns.map((text) => `submitter@${text}`), ...(isEverywhere ? ['submitter'] : [])];
        const expected = isEverywhere || patterns.some((text) => fitsPattern(one, text));
        expect(holdsIn(grantsOf(roles, bindings), 'jobs.submit', one)).toBe(expected);
        expect(holdsIn(grantsOf(roles, bindings), 'payloads.read', one)).toBe(false);
      }),
    );
  });

  it('that is given twice, or by thousands of groups, is one pattern each', () => {
    const bindings = Array.from({ length: 20_000 }, (_, n) => `operator@team-${n % 100}-*`);
    const { onlyIn } = grantsOf(rolesWith({}), bindings);
    expect(onlyIn.get('jobs.submit')).toEqual(Array.from({ length: 100 }, (_, n) => `team-${n}-*`));
  });

  it('that another one covers goes without saying', () => {
    const bindings = ['viewer@reports', 'viewer@rep*', 'viewer@reports-*', 'viewer@images', 'viewer@image'];
    expect(grantsOf(rolesWith({}), bindings).onlyIn.get('jobs.read')).toEqual(['rep*', 'images', 'image']);
  });

  it('for some queues gives nothing that is not about queues', () => {
    const roles = rolesWith({});
    const { permissions } = grantsOf(roles, ['tenant-admin@*', 'cluster-operator@reports']);
    expect([...permissions].filter((each) => /^(tenant|cluster)\./.test(each))).toEqual([]);
    expect(permissions.has('jobs.delete')).toBe(true);
  });
});
