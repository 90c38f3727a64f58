/**
 * Before the tests: makes what they need, and hands on what could not be made and why, so that they say so when they are
 * skipped. With `TROUPE_KUBE_BUILD=no` they make do with what is in the cache.
 */
import { spawnSync } from 'node:child_process';
import type { TestProject } from 'vitest/node';
import { lookForParts, makeParts, type MissingPart } from './binaries.ts';
import { parts } from './parts.ts';

declare module 'vitest' {
  interface ProvidedContext {
    readonly missing: readonly MissingPart[];
  }
}

const tools = [
  ['terraform', ['version']],
  ['kubectl', ['version', '--client']],
] as const;

function missingTools(): readonly MissingPart[] {
  return tools
    .filter(([name, args]) => spawnSync(name, args, { stdio: 'ignore' }).status !== 0)
    .map(([name]) => ({ name, reason: 'is not on the PATH' }));
}

export default async function setup(project: TestProject): Promise<void> {
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const mayMake = process.env['TROUPE_KUBE_BUILD'] !== 'no';
  const missingParts = mayMake ? await makeParts(parts, say) : lookForParts(parts);
  project.provide('missing', [...missingTools(), ...missingParts]);
}
