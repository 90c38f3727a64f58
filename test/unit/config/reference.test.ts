// The page of the configuration says what the schema says, and names each key in a way that works.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configKeys } from '../../../src/config/keys.ts';
import { loadConfig } from '../../../src/config/index.ts';
import { configurationReference } from '../../../src/config/reference.ts';

describe('the configuration reference', () => {
  it('is in step with the schema', () => {
    const page = fileURLToPath(new URL('../../../docs/reference/configuration.md', import.meta.url));
    expect(readFileSync(page, 'utf8')).toBe(configurationReference());
  });

  it('gives each key a variable of its own', () => {
    expect(new Set(configKeys.map((key) => key.variable)).size).toBe(configKeys.length);
    expect(configKeys.find((key) => key.path === 'shards.leaseTtlMs')?.variable).toBe('TROUPE_SHARDS_LEASE_TTL_MS');
  });

  it.each(configKeys.map((key) => [key.path, key] as const))('documents %s', (_path, key) => {
    expect(key.notes.meaning).toMatch(/\.$/);
    expect(key.notes.consequence).toMatch(/\.$/);
    const unitInName = /(Ms|Bytes|Mb)$/.exec(key.path)?.[1];
    const unitOfName = { Ms: 'ms', Bytes: 'bytes', Mb: 'MiB' }[unitInName ?? ''];
    if (unitOfName !== undefined) expect(key.notes.unit).toBe(unitOfName);
  });

  it('shows an example that is valid', () => {
    const example = /```yaml\n([\s\S]*?)```/.exec(configurationReference())?.[1] ?? '';
    expect(loadConfig({ fileText: example }).nats.replicas).toBe(3);
  });
});
