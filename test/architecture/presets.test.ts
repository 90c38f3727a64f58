// The presets for security are pages whose configuration must be one that nodes accept, and as safe as the page says.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Config, loadConfig } from '../../src/config/index.ts';

const root = new URL('../../', import.meta.url);

function presetOf(page: string): Config {
  const text = readFileSync(new URL(`docs/operating/${page}`, root), 'utf8');
  const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(text) ?? [];
  expect(yaml).not.toBe('');
  return loadConfig({ fileText: yaml, fileName: 'troupe.config.yaml', env: {} });
}

describe('a preset', () => {
  it('open is what nodes do without a configuration', () => {
    expect(presetOf('preset-open.md')).toEqual(loadConfig({ env: {} }));
  });

  it('team asks everyone for a credential, and speaks TLS with all that is elsewhere', () => {
    const { gateway, nats, store } = presetOf('preset-team.md');
    expect(gateway).toMatchObject({ auth: 'required', apiKeys: true, insecure: false });
    expect(gateway.issuers).toHaveLength(1);
    expect([gateway.tls.certPath, nats.tls.caPath, store.cassandra.tls.caPath]).not.toContain(undefined);
  });

  it('regulated lists its tenants, seals all payloads, waits for the audit log, and has no operator token', () => {
    const { gateway, audit, encryption, workers } = presetOf('preset-regulated.md');
    expect(gateway).toMatchObject({ auth: 'required', tenants: 'listed', insecure: false });
    expect(gateway.operatorTokenPath ?? gateway.operatorToken).toBeUndefined();
    expect(audit).toMatchObject({ required: 'all', reads: 'all' });
    expect(encryption).toMatchObject({ keys: 'vault', required: ['*'] });
    expect(workers.cellUid).toBeGreaterThan(0);
  });
});
