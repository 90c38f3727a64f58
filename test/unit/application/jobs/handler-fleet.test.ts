import { describe, expect, it } from 'vitest';
import { HandlerFleet } from '../../../../src/application/jobs/handler-fleet.ts';
import type { Membership, NodeInfo } from '../../../../src/application/ports/membership.ts';

function node(nodeId: string, versions: Readonly<Record<string, string>>, more: Partial<NodeInfo> = {}): NodeInfo {
  const handlers = Object.entries(versions).map(([name, version]) => ({ name, version }));
  return {
    nodeId,
    incarnation: 1,
    roles: ['workers'],
    weight: 1,
    slots: 1,
    workerClass: 'default',
    draining: false,
    version: '1',
    handlers,
    ...more,
  };
}

function fleetOf(nodes: readonly NodeInfo[]) {
  let present = nodes;
  let looks = 0;
  let changed = (): void => undefined;
  const dedicated = new Set<string>();
  const membership: Pick<Membership, 'nodes' | 'onChange'> = {
    nodes: () => {
      looks += 1;
      return present;
    },
    onChange: (listener) => {
      changed = listener;
      return () => undefined;
    },
  };
  const fleet = new HandlerFleet(membership, (tenant) => dedicated.has(tenant));
  return {
    dedicated,
    fleet,
    looks: () => looks,
    become(next: readonly NodeInfo[]): void {
      present = next;
      changed();
    },
  };
}

describe('the tenants whose jobs the live nodes take', () => {
  it('are all that are not dedicated, of a node that announces no list', () => {
    const { fleet, dedicated } = fleetOf([node('old', { x: '1' })]);
    dedicated.add('acme');
    expect([fleet.nodeTakes('old', 'other'), fleet.nodeTakes('old', 'acme')]).toEqual([true, false]);
    expect([fleet.someNodeTakes('other'), fleet.someNodeTakes('acme')]).toEqual([true, false]);
    expect([fleet.someNodeHas({ handler: 'x' }, 'other'), fleet.someNodeHas({ handler: 'x' }, 'acme')]).toEqual([
      true,
      false,
    ]);
  });

  it('decide who has a handler for a tenant: others do not count', () => {
    const { fleet } = fleetOf([
      node('own', { x: '1' }, { tenants: ['acme'] }),
      node('shared', { y: '1' }, { tenants: ['*'] }),
      node('rivals', { z: '1' }, { tenants: ['rival*'] }),
    ]);
    expect(fleet.everyNodeHas({ handler: 'y' }, 'somebody')).toBe(true);
    expect(fleet.someNodeHas({ handler: 'x' }, 'somebody')).toBe(false);
    expect(fleet.everyNodeHas({ handler: 'x' }, 'acme')).toBe(false);
    expect(fleet.someNodeHas({ handler: 'z' }, 'acme')).toBe(false);
    expect(fleet.someNodeHas({ handler: 'z' }, 'rival-2')).toBe(true);
  });

  it('change as soon as a tenant becomes dedicated, or a node comes', () => {
    const { fleet, dedicated, become } = fleetOf([node('shared', { x: '1' })]);
    expect(fleet.someNodeHas({ handler: 'x' }, 'acme')).toBe(true);
    dedicated.add('acme');
    expect(fleet.someNodeHas({ handler: 'x' }, 'acme')).toBe(false);
    become([node('shared', { x: '1' }), node('own', { x: '1' }, { tenants: ['acme'] })]);
    expect([fleet.someNodeTakes('acme'), fleet.someNodeHas({ handler: 'x' }, 'acme')]).toEqual([true, true]);
    expect([fleet.nodeTakes('own', 'acme'), fleet.nodeTakes('own', 'other')]).toEqual([true, false]);
  });

  it('are not known of a node that is not known, so it gets no job of a dedicated tenant', () => {
    const { fleet, dedicated } = fleetOf([]);
    dedicated.add('acme');
    expect([fleet.nodeTakes('new', 'other'), fleet.nodeTakes('new', 'acme')]).toEqual([true, false]);
  });

  it('are those of the newest incarnation, also while it drains', () => {
    const { fleet } = fleetOf([
      node('a', { x: '1' }, { incarnation: 2, tenants: ['acme'], draining: true }),
      node('a', { x: '1' }, { incarnation: 1 }),
    ]);
    expect([fleet.nodeTakes('a', 'acme'), fleet.nodeTakes('a', 'other')]).toEqual([true, false]);
  });
});

describe('the handlers of the live nodes', () => {
  it('any node may take what all could run, and nobody what none has', () => {
    const { fleet } = fleetOf([node('a', { x: '1.4.0', y: '1' }), node('b', { x: '1.5.0' })]);
    expect(fleet.everyNodeHas({ handler: 'x' }, 'acme')).toBe(true);
    expect(fleet.everyNodeHas({ handler: 'x', version: '>=1.4' }, 'acme')).toBe(true);
    expect(fleet.everyNodeHas({ handler: 'x', version: '>=1.5' }, 'acme')).toBe(false);
    expect(fleet.someNodeHas({ handler: 'x', version: '>=1.5' }, 'acme')).toBe(true);
    expect(fleet.everyNodeHas({ handler: 'y' }, 'acme')).toBe(false);
    expect(fleet.someNodeHas({ handler: 'x', version: '1.3.0' }, 'acme')).toBe(false);
    expect(fleet.versionsOf('x')).toEqual(['1.4.0', '1.5.0']);
  });

  it('only nodes that take work count', () => {
    const { fleet } = fleetOf([
      node('a', { x: '2' }),
      node('leaving', { x: '1' }, { draining: true }),
      node('gateway', {}, { roles: ['gateway', 'shards'] }),
    ]);
    expect(fleet.everyNodeHas({ handler: 'x', version: '2' }, 'acme')).toBe(true);
    expect(fleet.someNodeHas({ handler: 'x', version: '1' }, 'acme')).toBe(false);
    expect(fleet.versionsOf('x')).toEqual(['2']);
  });

  it('without a node anyone may come: whoever lacks it passes it on', () => {
    const { fleet } = fleetOf([]);
    expect(fleet.everyNodeHas({ handler: 'x' }, 'acme')).toBe(true);
    expect(fleet.someNodeHas({ handler: 'x' }, 'acme')).toBe(false);
  });

  it('looks once until the membership changes, at each need once, and remembers a bounded number', () => {
    let asked = 0;
    const own = node('a', { x: '1' });
    const counted = Object.defineProperty({ ...own }, 'handlers', {
      get() {
        asked += 1;
        return own.handlers;
      },
    });
    const { fleet, looks, become } = fleetOf([counted]);
    for (let n = 0; n < 5; n += 1) fleet.everyNodeHas({ handler: 'x' }, 'acme');
    expect([looks(), asked]).toEqual([1, 1]);
    become([counted, node('b', {})]);
    expect(fleet.everyNodeHas({ handler: 'x' }, 'acme')).toBe(false);
    for (let n = 0; n < 1_500; n += 1) fleet.everyNodeHas({ handler: 'x', version: String(n) }, `tenant-${n % 7}`);
    const before = asked;
    fleet.everyNodeHas({ handler: 'x', version: '1499' }, 'acme');
    expect(asked).toBe(before);
    fleet.everyNodeHas({ handler: 'x', version: '0' }, 'acme');
    expect([looks(), asked]).toEqual([2, before + 1]);
  });
});
