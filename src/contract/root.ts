/** Reads the contract's own .proto files: they are the only definition of the wire. */
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

/** Folder that holds `troupe/` and `google/`. */
export const protoDir = fileURLToPath(new URL('../../proto/', import.meta.url));

/** Every file that is served, for reflection as well. */
export const protoFiles = [
  'troupe/v1/jobs.proto',
  'troupe/v1/queues.proto',
  'troupe/v1/cluster.proto',
  'google/rpc/error_details.proto',
] as const;

export function loadContractRoot(): protobuf.Root {
  const root = new protobuf.Root();
  // google/protobuf is built into protobufjs; the rest lies under protoDir.
  root.resolvePath = (_origin, target) => (target.startsWith('google/protobuf/') ? target : protoDir + target);
  root.loadSync([...protoFiles]);
  root.resolveAll();
  return root;
}
