/**
 * Where terraform's state is stored. Each stack of each environment has its own state, which is locked while in use.
 */
import { resolve } from 'node:path';
import { HttpBackend, LocalBackend, S3Backend, type TerraformStack } from '../cdk.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';

export function addBackend(stack: TerraformStack, name: string, state: KubernetesEnvironment['state']): void {
  switch (state.kind) {
    case 'local':
      // Relative to the working directory. Terraform itself runs in cdktf.out, which is disposable.
      new LocalBackend(stack, { path: resolve(`terraform.${name}.tfstate`) });
      return;
    case 's3': {
      const { bucket, region, prefix } = state;
      const backend = { bucket, region, key: `${prefix}/${name}.tfstate`, encrypt: true };
      new S3Backend(stack, backend);
      // Locks with an object beside the state. The CDK class supports only the older lock, a DynamoDB table.
      stack.addOverride('terraform.backend.s3.use_lockfile', true);
      return;
    }
    case 'http': {
      const address = `${state.address.replace(/\/+$/, '')}/${name}`;
      new HttpBackend(stack, { address, lockAddress: `${address}/lock`, unlockAddress: `${address}/lock` });
      return;
    }
  }
}
