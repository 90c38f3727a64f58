/** This machine: `cdktf deploy local`. */
import { defineEnvironment } from '../src/config/environment.ts';

export default defineEnvironment({ kind: 'local' });
