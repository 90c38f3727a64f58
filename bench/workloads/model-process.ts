/**
 * A process of a cluster whose store is a model in its own memory that takes a fixed time for a commit. So the store
 * binds nothing, whatever the number of processes. The queues are the same in every process. It cannot take over a
 * shard whose jobs are in the memory of another process. Gets its settings as its first message, and answers with its
 * ports.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Serializable } from 'node:child_process';
import { startProcess } from '../../src/compose/process.ts';
import { loadConfig } from '../../src/config/index.ts';
import { defaultQueueSettings, defaultTenant } from '../../src/domain/queue.ts';
import { StoreData } from '../../test/support/simulation/store-data.ts';
import { StoreExtras } from '../../test/support/simulation/store-extras.ts';
import { openModelStore } from '../../test/support/simulation/store-model.ts';
import { benchQueue, holdQueue } from './session.ts';

export interface ModelProcessInput {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly commitMs: number;
  readonly shardCount: number;
}

export interface ModelProcessPorts {
  readonly gatewayPort: number | undefined;
  readonly httpPort: number;
}

async function start({ settings, commitMs, shardCount }: ModelProcessInput): Promise<ModelProcessPorts> {
  const config = loadConfig({ env: {}, flags: settings });
  const facts = { clusterId: 'bench', shardCount };
  const { gatewayPort, httpPort } = await startProcess(config, '0.0.0', {
    openStore: async (_config, { clock }) => {
      const extras = new StoreExtras();
      for (const name of [benchQueue, holdQueue])
        extras.createQueue({ tenant: defaultTenant, name, settings: defaultQueueSettings, nowMs: clock.nowMs() });
      const store = openModelStore({
        data: new StoreData(),
        extras,
        clock,
        transport: async (name, serve) => {
          if (name === 'commit') await sleep(commitMs);
          return serve();
        },
      });
      return { store, facts };
    },
  });
  return { gatewayPort, httpPort };
}

process.once('disconnect', () => process.exit());
process.once('message', (input: Serializable) => {
  start(input as ModelProcessInput).then(
    (ports) => process.send?.({ ports }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
