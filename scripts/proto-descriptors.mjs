// Writes proto/descriptors.binpb: the descriptors of every file that a gateway serves, as reflection hands them out, made by
// buf from the .proto files. A test compares them. A path as argument: writes there instead.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const buf = join(root, 'node_modules', '.bin', 'buf');
const target = process.argv[2] ?? join(root, 'proto', 'descriptors.binpb');
// KEDA asks a server of its own, which has no reflection.
const options = ['--as-file-descriptor-set', '--exclude-source-info', '--exclude-path', 'proto/keda'];
const { status } = spawnSync(buf, ['build', ...options, '-o', target], { cwd: root, stdio: 'inherit' });
process.exitCode = status ?? 1;
