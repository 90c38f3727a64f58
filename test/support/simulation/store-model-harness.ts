/** The modelled store for the contract suite. It has no wire, so a loss is simulated around the port. */
import { lossyWrites, realClock, type StoreHarness } from '../stores.ts';
import { StoreData } from './store-data.ts';
import { StoreExtras } from './store-extras.ts';
import { openModelStore } from './store-model.ts';
import type { Store } from '../../../src/application/ports/store.ts';

export function makeModelHarness(): StoreHarness {
  const data = new StoreData();
  const extras = new StoreExtras();
  const open = async (): Promise<Store> =>
    openModelStore({ data, extras, clock: realClock, transport: async (_name, serve) => serve() });
  return {
    open,
    openLossy: async () => lossyWrites(await open()),
    async damagePayload(id, how) {
      extras.damage(id, how);
    },
    hasPayload: async (name) => extras.payloads.has(name),
    dispose: () => Promise.resolve(),
  };
}
