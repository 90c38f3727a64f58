/** Opens the store of large payloads that the configuration names, and puts it beside the store of the jobs. */
import { openFilePayloads } from '../adapters/files/file-payload-store.ts';
import type { Store } from '../application/ports/store.ts';
import { createPayloadsBySize } from '../application/storage/payloads-by-size.ts';
import type { Config } from '../config/index.ts';
import type { ProcessRuntime } from './runtime.ts';

/** The kind that applies: by default large payloads lie beside the embedded store. */
export function objectsKind({ objects, store }: Config): 'none' | 'files' {
  return objects.kind ?? (store.kind === 'sqlite' ? 'files' : 'none');
}

/** The folder of large payloads. `database` is the file of the embedded store. */
export function objectsFolder({ objects }: Config, database: string): string {
  return objects.files.path ?? `${database}.objects`;
}

/** `database` is the file of the embedded store. Closes the store if it rejects. */
export async function withLargePayloads(
  store: Store,
  config: Config,
  runtime: ProcessRuntime,
  database: string,
): Promise<Store> {
  const kind = objectsKind(config);
  switch (kind) {
    case 'none':
      return store;
    case 'files': {
      const { clock, log, telemetry } = runtime;
      const folder = objectsFolder(config, database);
      const opened = openFilePayloads({ folder, clock, log, telemetry });
      const { payloads: large, close: closeLarge } = await opened.catch(async (error: unknown) => {
        await store.close();
        throw error;
      });
      const { largeAboveBytes } = config.objects;
      return {
        ...store,
        payloads: createPayloadsBySize({ small: store.payloads, large, largeAboveBytes }),
        async close() {
          closeLarge();
          await store.close();
        },
      };
    }
  }
}
