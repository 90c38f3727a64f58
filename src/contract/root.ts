/** Loads the contract's .proto files, which are the only definition of the wire format. */
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

/** The folder with `troupe/` and `google/`. */
export const protoDir = fileURLToPath(new URL('../../proto/', import.meta.url));

/** Every file that is served. Reflection serves them too. */
export const protoFiles = [
  'troupe/v1/jobs.proto',
  'troupe/v1/queues.proto',
  'troupe/v1/cluster.proto',
  'google/rpc/error_details.proto',
] as const;

export function loadContractRoot(): protobuf.Root {
  const root = new protobuf.Root();
  // protobufjs has google/protobuf built in; all other files are under protoDir.
  root.resolvePath = (_origin, target) => (target.startsWith('google/protobuf/') ? target : protoDir + target);
  root.loadSync([...protoFiles]);
  root.resolveAll();
  return root;
}
