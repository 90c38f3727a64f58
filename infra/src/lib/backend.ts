/** Where the state of a stack lies: one of its own for each stack of each environment, locked while it is used. */
import { resolve } from 'node:path';
import { HttpBackend, LocalBackend, S3Backend, type TerraformStack } from '../cdk.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';

export function addBackend(stack: TerraformStack, name: string, state: KubernetesEnvironment['state']): void {
  switch (state.kind) {
    case 'local':
      // In the working directory: terraform itself runs in cdktf.out, which is thrown away.
      new LocalBackend(stack, { path: resolve(`terraform.${name}.tfstate`) });
      return;
    case 's3': {
      const { bucket, region, prefix } = state;
      const backend = { bucket, region, key: `${prefix}/${name}.tfstate`, encrypt: true };
      new S3Backend(stack, backend);
      // Locks with an object beside the state. (The class knows only the older lock, a table of DynamoDB.)
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
