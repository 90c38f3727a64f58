/**
 * The CDKTF app: all stacks of all environments. `cdktf list` names them, `cdktf deploy STACK` brings one up.
 * `TROUPE_ENVIRONMENTS` names another folder of environments than environments/.
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
