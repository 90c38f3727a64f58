/** Opens the store of large payloads that the configuration names, and puts it beside the store of the jobs. */
import { type FilePayloadsOptions, openFilePayloads } from '../adapters/files/file-payload-store.ts';
import type { PayloadStore } from '../application/ports/payload-store.ts';
import type { ClusterFacts, Store } from '../application/ports/store.ts';
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

/** The largest payload that is streamed. The job store takes none that is larger than any other. */
export function streamedMaxBytes(config: Config): number {
  const { payloadMaxBytes } = config.gateway;
  return objectsKind(config) === 'none' ? payloadMaxBytes : Math.max(payloadMaxBytes, config.objects.payloadMaxBytes);
}

/** The folder of large payloads. `database` is the file of the embedded store. */
export function objectsFolder({ objects }: Config, database: string): string {
  return objects.files.path ?? `${database}.objects`;
}

/** `database` is the file of the embedded store. Closes the store if it rejects. */
export async function withLargePayloads(
  { store, facts }: { readonly store: Store; readonly facts: Pick<ClusterFacts, 'clusterId'> },
  config: Config,
  runtime: ProcessRuntime,
  database: string,
): Promise<Store> {
  const writes = objectsKind(config) !== 'none' && handlesPayloads(config);
  const { clock, log, telemetry } = runtime;
  const { objectsMark } = store;
  const options = { writes, clusterId: facts.clusterId, objectsMark, clock, log, telemetry };
  const large = await open(config, options, database).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const largeAboveBytes = writes ? config.objects.largeAboveBytes : Infinity;
  return {
    ...store,
    payloads: createPayloadsBySize({ small: store.payloads, large: large.payloads, largeAboveBytes }),
    async close() {
      large.close();
      await store.close();
    },
  };
}

/**
 * Gateways store inputs, and workers outputs. Who only has shards need not have mounted the folder, so what lies there under
 * that path says nothing, and must not be marked as the place of this cluster.
 */
function handlesPayloads({ roles }: Config): boolean {
  return roles.includes('gateway') || roles.includes('workers');
}

/**
 * Where large payloads lie, or lay: a process that is told to write none still meets those of other processes and of
 * earlier times. They are found, or unavailable, but never taken for missing.
 */
function placeOfLarge(config: Config): 'files' | 's3' {
  const kind = objectsKind(config);
  if (kind !== 'none') return kind;
  return config.objects.s3.bucket === undefined ? 'files' : 's3';
}

async function open(
  config: Config,
  options: Omit<FilePayloadsOptions, 'folder' | 'reserveBytes'>,
  database: string,
): Promise<LargePayloads> {
  const kind = placeOfLarge(config);
  switch (kind) {
    case 'files': {
      const { reserveBytes } = config.objects.files;
      return openFilePayloads({ folder: objectsFolder(config, database), reserveBytes, ...options });
    }
    case 's3': {
      // Its client is large, and few processes need it.
      const { openS3Payloads } = await import('../adapters/s3/s3-payload-store.ts');
      const { linkLifetimeMs } = config.objects;
      const { access, close } = s3Access(config.objects, options);
      const opened = await openS3Payloads({ access, linkLifetimeMs, ...options }).catch((error: unknown) => {
        close();
        throw error;
      });
      return {
        payloads: opened.payloads,
        close() {
          opened.close();
          close();
        },
      };
    }
  }
}
