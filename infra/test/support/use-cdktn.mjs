// Preloaded (`node --import`): whoever imports cdktf gets cdktn, the community continuation, as after an edit of src/cdk.ts.
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, nextResolve) {
    return nextResolve(specifier.replace(/^cdktf(?=\/|$)/, 'cdktn'), context);
  },
});
