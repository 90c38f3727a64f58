/** Who is sealed: the tenants that the configuration names, and those whose records say so. */
import { describe, expect, it } from 'vitest';
import { sealedByGateway, sealedByWorker } from '../../../../src/application/sealing/sealed-tenants.ts';
import { noSealing, type Sealing } from '../../../../src/application/sealing/sealing.ts';
import type { Tenant } from '../../../../src/domain/tenant.ts';

const named: Sealing = { ...noSealing, requires: (tenant) => tenant === 'named' };
const soon: Sealing = { ...noSealing, requires: async (tenant) => tenant === 'named' };
const tenant = (name: string, encrypted?: boolean): Tenant => ({
  name,
  state: 'ACTIVE',
  description: '',
  quotas: {},
  createdAtMs: 0,
  creator: 'test',
  ...(encrypted !== undefined && { encrypted }),
});

describe('a gateway', () => {
  it('seals what the configuration or the record of the tenant says', async () => {
    const records = new Map(
      [tenant('sealed', true), tenant('plain', false), tenant('old')].map((one) => [one.name, one]),
    );
    for (const sealing of [named, soon])
      for (const find of [(name: string) => records.get(name), async (name: string) => records.get(name)]) {
        const { requires } = sealedByGateway(sealing, { find });
        const answers = ['named', 'sealed', 'plain', 'old', 'toString', '__proto__'].map(async (name) =>
          requires(name),
        );
        expect(await Promise.all(answers)).toEqual([true, true, false, false, false, false]);
      }
  });

  it('does not decide while it cannot know', async () => {
    const find = (): Promise<never> => Promise.reject(new Error('away'));
    const { requires } = sealedByGateway(named, { find });
    expect(requires('named')).toBe(true);
    await expect(requires('other')).rejects.toThrow('away');
  });
});

describe('a worker', () => {
  it('waits for its first reading of the tenants, and then for nobody', async () => {
    let isRead = false;
    let isAway = true;
    const { requires } = sealedByWorker(named, {
      isRead: () => isRead,
      async prepare() {
        if (isAway) throw new Error('away');
        isRead = true;
      },
      of: (name) => ({
        isStopped: false,
        weight: 1,
        isDedicated: false,
        isEncrypted: isRead && name === 'sealed',
        countsStored: false,
      }),
    });
    await expect(requires('sealed')).rejects.toThrow('away');
    isAway = false;
    expect(await requires('sealed')).toBe(true);
    expect([requires('sealed'), requires('plain'), requires('named')]).toEqual([true, false, true]);
  });
});
