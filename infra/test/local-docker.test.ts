/**
 * The stack `local-docker`. Its provider comes from the registry of terraform, so what it would be given is held against
 * the schema of that provider in another form: the binding that was generated from it.
 */
import { Container as GeneratedContainer } from '@cdktf/provider-docker/lib/container/index.js';
import { Image as GeneratedImage } from '@cdktf/provider-docker/lib/image/index.js';
import { Network as GeneratedNetwork } from '@cdktf/provider-docker/lib/network/index.js';
import { Volume as GeneratedVolume } from '@cdktf/provider-docker/lib/volume/index.js';
import { describe, expect, it } from 'vitest';
import { App, TerraformStack, Testing } from '../src/cdk.ts';
import { parseEnvironment } from '../src/config/environment.ts';
import { containersOf } from '../src/objects/containers.ts';
import { LocalDockerStack } from '../src/stacks/local-docker.ts';

type Attributes = Readonly<Record<string, unknown>>;

interface Synthesized {
  readonly terraform: { readonly backend: unknown; readonly required_providers: unknown };
  readonly resource: Readonly<Record<string, Readonly<Record<string, Attributes>>>>;
  readonly output: Readonly<Record<string, { readonly value: string }>>;
}

function configOf(changes: object) {
  const environment = parseEnvironment('a test', { kind: 'docker', ...changes });
  if (environment.kind !== 'docker') throw new Error('not of Docker');
  return environment;
}

function synthesized(changes: object = {}): Synthesized {
  return JSON.parse(Testing.synth(new LocalDockerStack(new App(), configOf(changes)))) as Synthesized;
}

const generated = {
  docker_container: GeneratedContainer,
  docker_image: GeneratedImage,
  docker_network: GeneratedNetwork,
  docker_volume: GeneratedVolume,
} as const;
const metaArguments = new Set(['//', 'depends_on', 'lifecycle']);

/** Maps of the provider have keys that are no attributes. */
const maps = new Set(['tmpfs']);

function camelCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCase);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [
      key.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase()),
      maps.has(key) ? child : camelCase(child),
    ]),
  );
}

/** What the generated binding makes of the same attributes: it drops or refuses those that the provider has not. */
function byTheBinding(type: keyof typeof generated, attributes: Attributes): Attributes {
  const stack = new TerraformStack(new App(), 'by-the-binding');
  new generated[type](stack, 'it', camelCase(attributes) as never);
  const { resource } = JSON.parse(Testing.synth(stack)) as Synthesized;
  return withoutMeta(resource[type]?.['it'] ?? {});
}

function withoutMeta(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => !metaArguments.has(key)));
}

describe('the stack local-docker', () => {
  it('gives every resource only what the schema of its provider has', () => {
    const { resource } = synthesized({ keepVolumes: false, handlersDir: 'handlers' });
    const seen = Object.entries(resource).flatMap(([type, all]) =>
      Object.entries(all).map(([name, attributes]) => {
        const kind = type as keyof typeof generated;
        expect([name, byTheBinding(kind, withoutMeta(attributes))]).toEqual([name, withoutMeta(attributes)]);
        return kind;
      }),
    );
    expect(new Set(seen)).toEqual(new Set(Object.keys(generated)));
  });

  it('would be found out with an attribute that the provider has not', () => {
    const attributes = { name: 'a', image: 'b', health_check: { test: ['true'] } };
    expect(byTheBinding('docker_container', attributes)).not.toEqual(attributes);
  });

  it('has the containers of compose.yaml, each after what it waits for', () => {
    const { resource } = synthesized();
    const containers = containersOf(configOf({}));
    const declared = resource['docker_container'] ?? {};
    expect(Object.keys(declared).sort()).toEqual(containers.map(({ name }) => name).sort());
    for (const { name, after, environment } of containers) {
      const { depends_on: before = [], env } = declared[name] ?? {};
      expect(before).toEqual(Object.keys(after).map((other) => `docker_container.${other}`));
      expect(env).toEqual(Object.entries(environment ?? {}).map(([key, value]) => `${key}=${value}`));
    }
  });

  it('waits until what serves is healthy, and takes no migration for done that failed', () => {
    const { migrate, ...served } = synthesized().resource['docker_container'] ?? {};
    for (const [name, attributes] of Object.entries(served)) {
      expect([name, attributes]).toEqual([name, expect.objectContaining({ wait: true, must_run: true })]);
      expect(attributes['destroy_grace_seconds']).toBeGreaterThan(0);
    }
    expect(migrate).toMatchObject({
      attach: true,
      must_run: false,
      lifecycle: { postcondition: [{ condition: '${self.exit_code == 0}' }] },
    });
  });

  it('writes durations as the provider reads them back, so that a second plan is clean', () => {
    const { cassandra } = synthesized().resource['docker_container'] ?? {};
    expect(cassandra?.['healthcheck']).toMatchObject({ start_period: '1m30s', interval: '5s' });
  });

  it('leaves the volumes to Docker, unless they are to go with the stack', () => {
    expect(synthesized().resource['docker_volume']).toBeUndefined();
    expect(Object.keys(synthesized({ keepVolumes: false }).resource['docker_volume'] ?? {}).sort()).toEqual([
      'volume-cassandra',
      'volume-nats',
    ]);
  });

  it('pins its provider and says where the gateway is', () => {
    const { terraform, output } = synthesized({ ports: { gateway: 0 } });
    expect(terraform.required_providers).toEqual({ docker: { source: 'kreuzwerker/docker', version: '~> 3.6' } });
    expect(output['gateway']?.value).toBe('127.0.0.1:${docker_container.gateway.ports[0].external}');
  });

  it('is what it was', () => {
    expect(synthesized().resource).toMatchSnapshot();
  });
});
