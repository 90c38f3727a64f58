/**
 * The CDKTF app with all stacks of all environments. `cdktf list` shows them, `cdktf deploy STACK` deploys one.
 * `TROUPE_ENVIRONMENTS` overrides the folder environments/.
 */
import { fileURLToPath } from 'node:url';
import { App } from './cdk.ts';
import { EnvironmentError } from './config/environment.ts';
import { loadEnvironments } from './config/load.ts';
import { addStacks } from './stacks/index.ts';

const folder = process.env['TROUPE_ENVIRONMENTS'] ?? fileURLToPath(new URL('../environments', import.meta.url));

try {
  const environments = await loadEnvironments(folder);
  const app = new App();
  for (const environment of environments) addStacks(app, environment);
  app.synth();
} catch (error) {
  if (!(error instanceof EnvironmentError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
