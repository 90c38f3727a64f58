/** This machine, in containers: `cdktf deploy local-docker`. */
import { defineEnvironment } from '../src/config/environment.ts';

export default defineEnvironment({ kind: 'docker' });
