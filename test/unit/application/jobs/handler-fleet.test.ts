import { describe, expect, it } from 'vitest';
import { HandlerFleet } from '../../../../src/application/jobs/handler-fleet.ts';
import type { NodeInfo } from '../../../../src/application/ports/membership.ts';

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
  const fleet = new HandlerFleet({
    nodes: () => {
      looks += 1;
      return present;
    },
    onChange: (listener) => {
      changed = listener;
      return () => undefined;
    },
  });
  return {
    fleet,
    looks: () => looks,
    become(next: readonly NodeInfo[]): void {
      present = next;
      changed();
    },
  };
}

describe('the handlers of the live nodes', () => {
  it('any node may take what all could run, and nobody what none has', () => {
    const { fleet } = fleetOf([node('a', { x: '1.4.0', y: '1' }), node('b', { x: '1.5.0' })]);
    expect(fleet.everyNodeHas({ handler: 'x' })).toBe(true);
    expect(fleet.everyNodeHas({ handler: 'x', version: '>=1.4' })).toBe(true);
    expect(fleet.everyNodeHas({ handler: 'x', version: '>=1.5' })).toBe(false);
    expect(fleet.someNodeHas({ handler: 'x', version: '>=1.5' })).toBe(true);
    expect(fleet.everyNodeHas({ handler: 'y' })).toBe(false);
    expect(fleet.someNodeHas({ handler: 'x', version: '1.3.0' })).toBe(false);
    expect(fleet.versionsOf('x')).toEqual(['1.4.0', '1.5.0']);
  });

  it('only nodes that take work count', () => {
    const { fleet } = fleetOf([
      node('a', { x: '2' }),
      node('leaving', { x: '1' }, { draining: true }),
      node('gateway', {}, { roles: ['gateway', 'shards'] }),
    ]);
    expect(fleet.everyNodeHas({ handler: 'x', version: '2' })).toBe(true);
    expect(fleet.someNodeHas({ handler: 'x', version: '1' })).toBe(false);
    expect(fleet.versionsOf('x')).toEqual(['2']);
  });

  it('without a node anyone may come: whoever lacks it passes it on', () => {
    const { fleet } = fleetOf([]);
    expect(fleet.everyNodeHas({ handler: 'x' })).toBe(true);
    expect(fleet.someNodeHas({ handler: 'x' })).toBe(false);
  });

  it('looks once for each need until the membership changes, and remembers a bounded number', () => {
    const { fleet, looks, become } = fleetOf([node('a', { x: '1' })]);
    for (let n = 0; n < 5; n += 1) fleet.everyNodeHas({ handler: 'x' });
    expect(looks()).toBe(1);
    become([node('a', { x: '1' }), node('b', {})]);
    expect(fleet.everyNodeHas({ handler: 'x' })).toBe(false);
    for (let n = 0; n < 1_500; n += 1) fleet.everyNodeHas({ handler: 'x', version: String(n) });
    const before = looks();
    fleet.everyNodeHas({ handler: 'x', version: '1499' });
    expect(looks()).toBe(before);
    fleet.everyNodeHas({ handler: 'x', version: '0' });
    expect(looks()).toBe(before + 1);
  });
});
