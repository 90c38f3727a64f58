// Flags of `troupe dev` become keys of the configuration, over what a developer's machine gets by itself.
import { describe, expect, it } from 'vitest';
import { devConfig } from '../../../../src/cli/commands/dev-command.ts';
import { UsageError } from '../../../../src/cli/errors/exit-code.ts';
import { ConfigError } from '../../../../src/config/index.ts';
import { recordedTerminal } from '../../../support/recorded-terminal.ts';

const terminal = recordedTerminal({ isTerminal: true });

describe('devConfig', () => {
  it('suits one machine and a person in front of it', () => {
    const config = devConfig({}, terminal);
    expect(config.shards.count).toBe(4);
    expect(config.gateway).toMatchObject({ reflection: true, host: '127.0.0.1' });
    expect(config.log).toEqual({ level: 'warn', pretty: true });
    expect(devConfig({}, recordedTerminal()).log).toEqual({ level: 'info', pretty: false });
  });

  it('takes every flag, and any key', () => {
    const config = devConfig(
      {
        store: 'cassandra',
        handlers: ['a', 'b'],
        handlerEnv: ['API_URL', 'APP_*'],
        port: '0',
        httpPort: '0',
        dataDir: '/tmp/x',
        threads: '3',
        roles: 'gateway,shards',
        nodeId: 'n1',
        nats: 'a:4222,b:4222',
        logLevel: 'debug',
        set: ['shards.count=8', 'gateway.port=9'],
      },
      terminal,
    );
    expect(config.store.kind).toBe('cassandra');
    expect(config.workers).toMatchObject({ handlerDirs: ['a', 'b'], threads: 3 });
    expect(config.handlers.env).toEqual(['API_URL', 'APP_*']);
    expect([config.gateway.port, config.http.port]).toEqual([0, 0]);
    expect(config.roles).toEqual(['gateway', 'shards']);
    expect(config.nats.servers).toEqual(['a:4222', 'b:4222']);
    expect(config.shards.count).toBe(8);
    expect([config.nodeId, config.dataDir, config.log.level]).toEqual(['n1', '/tmp/x', 'debug']);
  });

  it('refuses what is no key and no value', () => {
    expect(() => devConfig({ set: ['no.such=1'] }, terminal)).toThrow(ConfigError);
    expect(() => devConfig({ set: ['shards.count'] }, terminal)).toThrow(UsageError);
    expect(() => devConfig({ host: '0.0.0.0' }, terminal)).toThrow(/--insecure/);
    expect(() => devConfig({ host: '0.0.0.0', insecure: true }, terminal)).toThrow(/--no-auth/);
    expect(devConfig({ host: '0.0.0.0', insecure: true, auth: false }, terminal).gateway.auth).toBe('none');
  });

  it('lets a flag win over --set, whichever comes first', () => {
    expect(devConfig({ port: '1', set: ['gateway.port=2'] }, terminal).gateway.port).toBe(1);
    expect(devConfig({ set: ['gateway.port=2'] }, terminal).gateway.port).toBe(2);
  });
});
