/** The definitions of the custom resources that the stacks write, applied to the control plane of a test. */
import { join } from 'node:path';
import { partFolder } from './binaries.ts';
import type { Kubectl } from './kubectl.ts';
import { definitions } from './versions.ts';

const establishTimeout = '--timeout=60s';

export const definitionParts: readonly string[] = definitions.map(({ name }) => `crd-${name}`);

export async function applyDefinitions(kubectl: Kubectl): Promise<void> {
  const files = definitions.flatMap(({ name, files: names }) =>
    names.flatMap((file) => ['-f', join(partFolder(`crd-${name}`), `${file}.yaml`)]),
  );
  await kubectl(['apply', '--server-side', ...files]);
  await kubectl(['wait', '--for=condition=Established', 'crd', '--all', establishTimeout]);
}
