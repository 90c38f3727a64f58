/**
 * `cdktf deploy local`: Troupe as processes of this machine. No provider but terraform's own: each process is a
 * `terraform_data` whose provisioners start and stop it (src/local).
 *
 * Processes of one kind are instances of one resource (`for_each`): terraform runs what a resource does at its end only
 * while the resource is still declared, so that a node that an environment has no more is stopped as well. A node that
 * connects to NATS or Cassandra waits for them and connects again; so when one of these died, it alone is replaced.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type App, DataResource, LocalBackend, TerraformOutput, TerraformStack } from '../cdk.ts';
import { EnvironmentError } from '../config/environment.ts';
import type { LocalConfig } from '../config/machine.ts';
import { literal } from '../lib/literal.ts';
import { generationOf } from '../local/generation.ts';
import { type Installation, localTiers } from '../local/local-processes.ts';
import type { ProcessSpec } from '../local/process-spec.ts';

const infraDir = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');

/** Where this checkout is and what runs it. */
function thisInstallation(): Installation {
  const rootDir = resolve(infraDir, '..');
  const { version } = JSON.parse(readFileSync(resolve(rootDir, 'package.json'), 'utf8')) as { version: string };
  return { rootDir, infraDir, nodePath: process.execPath, version };
}

export interface LocalStackOptions {
  readonly installation?: Installation;
  /** Of a process: the one that is alive, else a new one. */
  readonly generationOf?: (spec: ProcessSpec) => string;
}

export class LocalStack extends TerraformStack {
  readonly #installation: Installation;
  readonly #generationOf: (spec: ProcessSpec) => string;
  readonly #runner: string;

  constructor(app: App, config: LocalConfig, options: LocalStackOptions = {}) {
    super(app, config.name);
    this.#installation = options.installation ?? thisInstallation();
    this.#generationOf = options.generationOf ?? generationOf;
    this.#runner = resolve(this.#installation.infraDir, 'src/local/main.ts');
    assertHandlers(config, this.#installation);
    const dataDir = resolve(this.#installation.infraDir, config.dataDir);
    new LocalBackend(this, { path: `${dataDir}/terraform.tfstate` });
    const tiers = localTiers(config, this.#installation);
    const machine = this.#machine(dataDir);
    const backing = this.#processes('backing', tiers.backing, [machine]);
    const schema = this.#processes('schema', tiers.schema, [backing]);
    const nodes = this.#processes('node', tiers.nodes, [schema]);
    this.#processes('gateway', tiers.gateways, [nodes]);
    this.#outputs(config, tiers.nodes.length, dataDir);
  }

  /** First to come and last to go: with it goes what a deploy that was cut short has left behind. */
  #machine(dataDir: string): DataResource {
    return new DataResource(this, 'machine', {
      input: { ...this.#program(), process: literal(dataDir) },
      provisioners: [this.#provisioner('destroy', 'sweep')],
    });
  }

  #processes(id: string, specs: readonly ProcessSpec[], dependsOn: DataResource[]): DataResource {
    const instances = specs.map((spec) => {
      const process = JSON.stringify({ spec, generation: this.#generationOf(spec) });
      return [spec.name, { process: literal(process), trigger: createHash('sha256').update(process).digest('hex') }];
    });
    const resource = new DataResource(this, id, {
      dependsOn,
      input: { ...this.#program(), process: '${each.value.process}' },
      provisioners: [this.#provisioner('create', 'start'), this.#provisioner('destroy', 'stop')],
    });
    resource.addOverride('for_each', Object.fromEntries(instances));
    resource.addOverride('triggers_replace', '${each.value.trigger}');
    return resource;
  }

  #program(): { readonly node: string; readonly runner: string } {
    return { node: literal(this.#installation.nodePath), runner: literal(this.#runner) };
  }

  /** What runs at the end of a resource may refer to nothing but itself. */
  #provisioner(when: 'create' | 'destroy', verb: string) {
    return {
      type: 'local-exec' as const,
      when,
      command: `"$LOCAL_PROCESS_NODE" --disable-warning=ExperimentalWarning "$LOCAL_PROCESS_RUNNER" ${verb}`,
      environment: {
        LOCAL_PROCESS_NODE: '${self.input.node}',
        LOCAL_PROCESS_RUNNER: '${self.input.runner}',
        LOCAL_PROCESS: '${self.input.process}',
      },
    };
  }

  #outputs({ ports, store }: LocalConfig, nodes: number, dataDir: string): void {
    const outputs: Readonly<Record<string, string | readonly string[]>> = {
      gateway: `127.0.0.1:${ports.gateway}`,
      nats: `nats://127.0.0.1:${ports.nats}`,
      store: store === 'cassandra' ? `127.0.0.1:${ports.cassandra}` : `${dataDir}/store/troupe.db`,
      http: Array.from({ length: nodes + 1 }, (_, index) => `http://127.0.0.1:${ports.http + index}`),
      logs: `${dataDir}/logs`,
    };
    for (const [name, value] of Object.entries(outputs)) {
      // A resource has this name, too.
      new TerraformOutput(this, `output-${name}`, { value }).overrideLogicalId(name);
    }
  }
}

function assertHandlers({ name, handlerDirs }: LocalConfig, installation: Installation): void {
  const problems = handlerDirs.flatMap((dir, index) => {
    const path = resolve(installation.infraDir, dir);
    return existsSync(path) ? [] : [`handlerDirs[${index}]: there is no folder ${path}`];
  });
  if (problems.length > 0) throw new EnvironmentError(`environment ${name}`, problems);
}
