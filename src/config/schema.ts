/**
 * The schema of everything that can be configured. The path of a key (`gateway.port`) determines its position in the
 * file and the name of its environment variable (`TROUPE_GATEWAY_PORT`).
 * Every key states its meaning, its unit and the consequence of changing it; `docs/reference/configuration.md` is
 * generated from that. Rules between keys are in `relations.ts`.
 */
import { z } from 'zod';
import { auditSection } from './audit-section.ts';
import { natsSection, storeSection } from './backing-sections.ts';
import { encryptionSection } from './encryption-section.ts';
import { objectsSection } from './objects-section.ts';
import { gatewaySection, httpSection } from './edge-sections.ts';
import { handlersSection } from './handlers-section.ts';
import { kubernetesSection } from './kubernetes-section.ts';
import { logSection, shardsSection, shutdownSection, workersSection } from './node-sections.ts';
import { scalerSection } from './scaler-section.ts';
import { key, path, token } from './schema-key.ts';
import { tracesSection } from './traces-section.ts';

const roleNames = ['gateway', 'shards', 'workers'] as const;

export const configSchema = z.strictObject({
  roles: key(
    z
      .array(z.enum(roleNames))
      .min(1)
      .default([...roleNames]),
    {
      meaning: 'What this process does.',
      consequence: '`gateway` serves gRPC, `shards` decides about jobs, `workers` runs them.',
    },
  ),
  nodeId: key(token.optional(), {
    meaning: 'Name of this process in the cluster. It must be unique and should survive a restart.',
    consequence: 'A node that comes back under its name resumes its leases at once.',
    defaultNote: 'generated once and kept in `dataDir`',
  }),
  dataDir: key(path.default('.troupe'), {
    meaning:
      'Folder for the files of this process: the embedded store with its large payloads, the files of its nats-server, downloads.',
    consequence: 'If it is lost, so are the jobs of the embedded store.',
  }),
  store: storeSection.prefault({}),
  objects: objectsSection.prefault({}),
  encryption: encryptionSection.prefault({}),
  nats: natsSection.prefault({}),
  gateway: gatewaySection.prefault({}),
  audit: auditSection.prefault({}),
  http: httpSection.prefault({}),
  scaler: scalerSection.prefault({}),
  shards: shardsSection.prefault({}),
  workers: workersSection.prefault({}),
  handlers: handlersSection.prefault({}),
  kubernetes: kubernetesSection.prefault({}),
  shutdown: shutdownSection.prefault({}),
  log: logSection.prefault({}),
  traces: tracesSection.prefault({}),
});

type DeepReadonly<T> = T extends (infer U)[]
  ? readonly DeepReadonly<U>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

export type Config = DeepReadonly<z.output<typeof configSchema>>;
/** Any part of a configuration, as a file or a preset contains it. */
export type ConfigInput = z.input<typeof configSchema>;
