/**
 * `cdktf deploy local-docker`: a network, volumes and containers in the Docker of this machine, from locally built
 * images. The containers are those of compose.yaml. Deploying waits for each container. Destroying drains them in
 * reverse order.
 */
import { resolve } from 'node:path';
import { type Construct, LocalBackend, TerraformOutput, type TerraformResource, TerraformStack } from '../cdk.ts';
import type { DockerConfig } from '../config/machine.ts';
import { DockerContainer, DockerImage, DockerNetwork, DockerProvider, DockerVolume } from '../lib/docker.ts';
import type { Container } from '../objects/container.ts';
import { containersOf } from '../objects/containers.ts';

/** Prefix of the stack's names in the daemon. */
const prefix = 'troupe-local';

export class LocalDockerStack extends TerraformStack {
  readonly #network: DockerNetwork;
  readonly #images = new Map<string, DockerImage>();
  readonly #volumes = new Map<string, string>();
  readonly #containers = new Map<string, DockerContainer>();
  readonly #keepVolumes: boolean;

  constructor(scope: Construct, config: DockerConfig) {
    super(scope, config.name);
    // Relative to the working directory. Terraform itself runs in cdktf.out, which is disposable.
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

  /**
   * Docker creates a volume that a container names, and keeps it. A volume that terraform creates is destroyed with the
   * stack.
   */
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
    output('web', `http://127.0.0.1:${gateway.publishedPort(2)}`, 'calls in JSON, and the console');
  }
}
