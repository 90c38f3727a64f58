/**
 * `cdktf deploy local-docker`: a network, volumes and containers of the Docker of this machine, from images that are
 * built here. The same containers as in compose.yaml. Each is waited for, and destroying drains them in reverse order.
 */
import { resolve } from 'node:path';
import { type Construct, LocalBackend, TerraformOutput, type TerraformResource, TerraformStack } from '../cdk.ts';
import type { DockerConfig } from '../config/machine.ts';
import { DockerContainer, DockerImage, DockerNetwork, DockerProvider, DockerVolume } from '../lib/docker.ts';
import type { Container } from '../objects/container.ts';
import { containersOf } from '../objects/containers.ts';

/** Begins the names of what the stack has in the daemon. */
const prefix = 'troupe-local';

export class LocalDockerStack extends TerraformStack {
  readonly #network: DockerNetwork;
  readonly #images = new Map<string, DockerImage>();
  readonly #volumes = new Map<string, string>();
  readonly #containers = new Map<string, DockerContainer>();
  readonly #keepVolumes: boolean;

  constructor(scope: Construct, config: DockerConfig) {
    super(scope, config.name);
    // In the working directory: terraform itself runs in cdktf.out, which is thrown away.
    new LocalBackend(this, { path: resolve(`terraform.${config.name}.tfstate`) });
    new DockerProvider(this, 'docker');
    this.#network = new DockerNetwork(this, 'network', prefix);
    this.#keepVolumes = config.keepVolumes;
    const { handlersDir } = config;
    const withPaths = { ...config, ...(handlersDir !== undefined && { handlersDir: resolve(handlersDir) }) };
    for (const container of containersOf(withPaths)) this.#add(container);
    this.#addOutputs();
  }

  #add(container: Container): void {
    const before = Object.keys(container.after).flatMap((name): TerraformResource[] => {
      const other = this.#containers.get(name);
      return other === undefined ? [] : [other];
    });
    for (const volume of Object.values(container.volumes ?? {})) this.#volumes.set(volume, this.#volumeName(volume));
    const added = new DockerContainer(this, container.name, {
      container,
      name: `${prefix}-${container.name}`,
      image: this.#imageOf(container.image),
      network: this.#network.networkName,
      volumes: this.#volumes,
      dependsOn: before,
    });
    this.#containers.set(container.name, added);
  }

  #imageOf(name: string): DockerImage {
    const known = this.#images.get(name);
    if (known !== undefined) return known;
    const image = new DockerImage(this, `image-${this.#images.size + 1}`, name);
    this.#images.set(name, image);
    return image;
  }

  /** Docker makes a volume that a container names; one that terraform made, it would also remove. */
  #volumeName(volume: string): string {
    const name = `${prefix}-${volume}`;
    if (this.#keepVolumes) return name;
    return new DockerVolume(this, `volume-${volume}`, name).volumeName;
  }

  #addOutputs(): void {
    const gateway = this.#containers.get('gateway');
    if (gateway === undefined) return;
    const output = (id: string, value: string, description: string): void => {
      new TerraformOutput(this, `output-${id}`, { value, description }).overrideLogicalId(id);
    };
    output('gateway', `127.0.0.1:${gateway.publishedPort(0)}`, 'gRPC: npx troupe --address …');
    output('probes', `http://127.0.0.1:${gateway.publishedPort(1)}`, '/readyz and /metrics of the gateway');
  }
}
