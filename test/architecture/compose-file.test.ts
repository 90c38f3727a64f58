// compose.yaml says things that only the code can make true: variables it must know, ports it must listen on, probes.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Config, ConfigError, loadConfig } from '../../src/config/index.ts';

interface Service {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly build?: { readonly target: string };
  readonly healthcheck?: { readonly test: readonly string[] };
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const path = `${root}compose.yaml`;
const { services } = parse(readFileSync(path, 'utf8')) as { readonly services: Readonly<Record<string, Service>> };
const own = Object.entries(services).filter(([, { build }]) => build !== undefined);

function configOf(name: string): Config {
  return loadConfig({ env: services[name]?.environment ?? {} });
}

/** `127.0.0.1:${GATEWAY_PORT:-50051}:50051` → 50051 */
function containerPort(published: string): number {
  return Number(published.slice(published.lastIndexOf(':') + 1));
}

/** Why `docker compose` cannot be asked, or undefined. */
function missingCompose(): string | undefined {
  try {
    execFileSync('docker', ['compose', 'version'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `\`docker compose version\` fails (${String(error).split('\n')[0] ?? ''})`;
  }
}

const lack = missingCompose();
if (lack !== undefined) process.stdout.write(`compose.yaml is not held against Docker Compose itself: ${lack}\n`);

describe('compose.yaml', () => {
  it.each(own.map(([name]) => name))('gives %s a configuration that Troupe takes', (name) => {
    const { nats, store } = configOf(name);
    expect(nats.servers.map((server) => server.split(':')[0])).toEqual(['nats']);
    expect(store.cassandra.contactPoints.map((point) => point.split(':')[0])).toEqual(['cassandra']);
    expect(Object.keys(services)).toEqual(expect.arrayContaining(['nats', 'cassandra']));
  });

  it('would be found out with a variable that there is not', () => {
    const environment = { ...services['gateway']?.environment, TROUPE_GATEWAY_PROT: '1' };
    expect(() => loadConfig({ env: environment })).toThrow(ConfigError);
  });

  it('publishes what the gateway listens on', () => {
    const { gateway, http } = configOf('gateway');
    expect(services['gateway']?.ports?.map(containerPort)).toEqual([gateway.port, http.port, gateway.web.port]);
  });

  it('asks each process whether it is ready where it answers that', () => {
    const served = own.filter(([, { command }]) => command?.includes('serve'));
    expect(served.length).toBeGreaterThan(2);
    for (const [name, { healthcheck }] of served) {
      const { http } = configOf(name);
      expect(http.host).toBe('0.0.0.0');
      expect(healthcheck?.test.join(' ')).toContain(`http://127.0.0.1:${http.port}/readyz`);
    }
  });

  it('names each process, which could keep no name on a root that it cannot write to', () => {
    const names = own.flatMap(([name, { command }]) => (command?.includes('serve') ? [configOf(name).nodeId] : []));
    expect(names).not.toContain(undefined);
    expect(new Set(names).size).toBe(names.length);
  });

  it('has every role', () => {
    const roles = own.flatMap(([name, { command }]) => (command?.includes('serve') ? configOf(name).roles : []));
    expect(new Set(roles)).toEqual(new Set(['gateway', 'shards', 'workers']));
  });

  it.skipIf(lack !== undefined)('is a file that Docker Compose itself takes', () => {
    const known = execFileSync('docker', ['compose', '-f', path, 'config', '--services'], { encoding: 'utf8' });
    expect(known.trim().split('\n').sort()).toEqual(Object.keys(services).sort());
  });
});

describe('compose.nats.yaml', () => {
  it('publishes where processes reach NATS, on loopback, and nothing else', () => {
    const added = parse(readFileSync(`${root}compose.nats.yaml`, 'utf8')) as { readonly services: typeof services };
    expect(Object.keys(added.services)).toEqual(['nats']);
    const [port, ...more] = added.services['nats']?.ports ?? [];
    expect(more).toEqual([]);
    expect(port).toMatch(/^127\.0\.0\.1:/u);
    expect([`nats:${containerPort(port ?? '')}`]).toEqual(configOf('gateway').nats.servers);
    // Only who asks for it has it.
    expect(services['nats']?.ports).toBeUndefined();
  });
});
