/** Seeded bugs in the erasing of payloads. */
import type { EraseItem } from '../../../src/application/ports/shard-protocol.ts';
import { eraseJob } from '../../../src/domain/payload-life.ts';
import { type Mutation, onHandler } from './mutation.ts';

export const eraseMutations: Readonly<Record<string, Mutation>> = {
  'payloads are called erased and the record is not written again': {
    breaks: [1],
    within: 40,
    load: 'deletes',
    change: onHandler((handler, { records }) => (verb, items) => {
      if (verb !== 'erase') return handler(verb, items);
      return Promise.resolve(
        items.map((item) => {
          const record = records.newest((item as EraseItem).jobId);
          return record && { ok: { record: eraseJob(record, record.updatedAtMs) } };
        }),
      ) as never;
    }),
  },
  'a gateway keeps its copy of a job that was erased': {
    breaks: [7],
    within: 60,
    load: 'deletes',
    change: (_cluster, ports) => {
      const { bus } = ports;
      ports.bus = {
        ...bus,
        serveNode: (nodeId, handler, face) =>
          bus.serveNode(
            nodeId,
            (verb, payload) => (verb === 'forgetPayloads' ? Promise.resolve(null) : handler(verb, payload)),
            face,
          ),
      };
    },
  },
  'erased payloads stay in the payload store': {
    breaks: [1],
    within: 60,
    load: 'deletes',
    change: (_cluster, ports) => {
      const { store } = ports;
      ports.store = { ...store, payloads: { ...store.payloads, deletePayload: () => Promise.resolve() } };
    },
  },
  'a payload is written again after a while': {
    breaks: [1],
    within: 60,
    load: 'deletes',
    change: (_cluster, ports) => {
      const { host, store } = ports;
      const { payloads } = store;
      ports.store = {
        ...store,
        payloads: {
          ...payloads,
          async putPayload(input) {
            const id = await payloads.putPayload(input);
            host.clock.setTimer(host.random() * 5_000, () => {
              payloads.putPayload(input).catch(() => undefined);
            });
            return id;
          },
        },
      };
    },
  },
};
