/** The same stacks come out of cdktf and of cdktn, so that moving to the latter is an edit of src/cdk.ts and package.json. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const infra = fileURLToPath(new URL('..', import.meta.url));
const preload = (name: string): readonly string[] => [
  '--import',
  new URL(`./support/${name}.mjs`, import.meta.url).href,
];
const folder = mkdtempSync(join(tmpdir(), 'troupe-parity-'));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

type Stack = Record<string, unknown> & { readonly '//'?: { readonly metadata?: { readonly version?: string } } };

/** The stacks of all environments as main.ts synthesizes them, by name. */
async function synthesized(name: string, options: readonly string[]): Promise<ReadonlyMap<string, Stack>> {
  const out = join(folder, name);
  await run(process.execPath, [...options, 'src/main.ts'], { cwd: infra, env: { ...process.env, CDKTF_OUTDIR: out } });
  const stacks = readdirSync(join(out, 'stacks'));
  return new Map(
    stacks.map((stack) => [
      stack,
      JSON.parse(readFileSync(join(out, 'stacks', stack, 'cdk.tf.json'), 'utf8')) as Stack,
    ]),
  );
}

/** Without what each says of itself: versions and where in the code a construct was made. */
function withoutMetadata(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMetadata);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== '//')
      .map(([key, child]) => [key, withoutMetadata(child)]),
  );
}

describe('cdktn', () => {
  it('synthesizes what cdktf synthesizes', { timeout: 120_000 }, async () => {
    const [one, other] = await Promise.all([
      synthesized('cdktf', preload('one-uuid')),
      synthesized('cdktn', [...preload('one-uuid'), ...preload('use-cdktn')]),
    ]);
    expect([...other.keys()]).toEqual([...one.keys()]);
    expect(one.size).toBeGreaterThan(0);
    for (const [name, stack] of one) expect(withoutMetadata(other.get(name)), name).toEqual(withoutMetadata(stack));
    // Else the hook did nothing, and one CDK was compared with itself.
    const versions = [one, other].map(
      (stacks) => new Set([...stacks.values()].map((stack) => stack['//']?.metadata?.version)),
    );
    expect(versions).toEqual([new Set([versionOf('cdktf')]), new Set([versionOf('cdktn')])]);
  });
});

function versionOf(name: string): string {
  const text = readFileSync(join(infra, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
