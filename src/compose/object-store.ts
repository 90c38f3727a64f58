/** Opens the store of large payloads that the configuration names, and puts it beside the store of the jobs. */
import { openFilePayloads } from '../adapters/files/file-payload-store.ts';
import type { PayloadStore } from '../application/ports/payload-store.ts';
import type { Store } from '../application/ports/store.ts';
import { createPayloadsBySize } from '../application/storage/payloads-by-size.ts';
import type { Config } from '../config/index.ts';
import { s3Access } from './access.ts';
import type { ProcessRuntime } from './runtime.ts';

interface LargePayloads {
  readonly payloads: PayloadStore;
  readonly close: () => void;
}

/** The kind that applies: by default large payloads lie beside the embedded store. */
export function objectsKind({ objects, store }: Config): 'none' | 'files' | 's3' {
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
  const large = await open(config, runtime, database).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  if (large === undefined) return store;
  const { largeAboveBytes } = config.objects;
  return {
    ...store,
    payloads: createPayloadsBySize({ small: store.payloads, large: large.payloads, largeAboveBytes }),
    async close() {
      large.close();
      await store.close();
    },
  };
}

async function open(
  config: Config,
  { clock, log, telemetry }: ProcessRuntime,
  database: string,
): Promise<LargePayloads | undefined> {
  const kind = objectsKind(config);
  switch (kind) {
    case 'none':
      return undefined;
    case 'files':
      return openFilePayloads({ folder: objectsFolder(config, database), clock, log, telemetry });
    case 's3': {
      // Its client is large, and few processes need it.
      const { openS3Payloads } = await import('../adapters/s3/s3-payload-store.ts');
      return openS3Payloads({ access: s3Access(config.objects), clock, log, telemetry });
    }
  }
}
