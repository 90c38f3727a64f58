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
  'troupe/v1/access.proto',
  'troupe/v1/tenants.proto',
  'troupe/v1/audit.proto',
  'troupe/v1/events.proto',
  'google/rpc/error_details.proto',
] as const;

/** All that our files use of descriptor.proto: they extend the options of a method. */
protobuf.common('descriptor', { MethodOptions: { fields: {}, extensions: [[1_000, 536_870_911]] } });

let loaded: protobuf.Root | undefined;

/** Reads the files once in a process. */
export function loadContractRoot(): protobuf.Root {
  loaded ??= readContract();
  return loaded;
}

function readContract(): protobuf.Root {
  const root = new protobuf.Root();
  // protobufjs has google/protobuf built in; all other files are under protoDir.
  root.resolvePath = (_origin, target) => (target.startsWith('google/protobuf/') ? target : protoDir + target);
  root.loadSync([...protoFiles]);
  root.resolveAll();
  return root;
}
