/**
 * `cdktf deploy local`: Troupe as processes of this machine. It needs no provider but terraform's own: each process is
 * a `terraform_data` whose provisioners start and stop it (src/local).
 *
 * Processes of one kind are instances of one resource (`for_each`). Terraform runs a destroy provisioner only while its
 * resource is still declared, so with `for_each` a node that was removed from the environment is stopped, too.
 *
 * A node waits for NATS and Cassandra and reconnects to them. So if one of these dies, only that process is replaced.
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

/** The location of this checkout and the Node that runs it. */
function thisInstallation(): Installation {
  const rootDir = resolve(infraDir, '..');
  const { version } = JSON.parse(readFileSync(resolve(rootDir, 'package.json'), 'utf8')) as { version: string };
  return { rootDir, infraDir, nodePath: process.execPath, version };
}

export interface LocalStackOptions {
  readonly installation?: Installation;
  /** The generation of a process: that of the running process, otherwise a new one. Set by tests. */
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

  /** Created first and destroyed last. Its destruction stops processes that an interrupted deploy has left behind. */
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

  /** A destroy provisioner may refer only to its own resource (`self`), so all inputs are passed through it. */
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
      // The id `output-…` avoids a clash with the resource of the same name.
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
