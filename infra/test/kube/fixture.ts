/** A control plane for a file of tests. When something that it needs is missing, each test is skipped with the reason, which the summary prints. */
import { afterAll, beforeAll, beforeEach, inject } from 'vitest';
import { type ControlPlane, type Extent, partsOf, startControlPlane } from './control-plane.ts';
import { applyDefinitions, definitionParts } from './definitions.ts';

export const deployParts = ['terraform', 'kubectl-provider'] as const;

export interface FixtureOptions {
  readonly extent: Extent;
  /** Beside those of the control plane. */
  readonly needs: readonly string[];
  /** Runs once, before the first test. */
  readonly prepare: (plane: ControlPlane) => Promise<void>;
}

/** Resolves the control plane, with all definitions of custom resources, while the tests of the file run. */
export function useControlPlane({ extent, needs, prepare }: FixtureOptions): () => ControlPlane {
  const names = ['kubectl', ...definitionParts, ...partsOf[extent], ...needs];
  const missing = inject('missing').filter(({ name }) => names.includes(name));
  let plane: ControlPlane | undefined;

  beforeAll(async () => {
    if (missing.length > 0) return;
    plane = await startControlPlane(extent);
    await applyDefinitions(plane.kubectl);
    await prepare(plane);
  });
  beforeEach((context) => {
    context.skip(missing.length > 0, missing.map(({ name, reason }) => `${name}: ${reason}`).join('; '));
  });
  afterAll(async () => {
    await plane?.stop();
  });

  return () => {
    if (plane === undefined) throw new Error('the control plane does not run');
    return plane;
  };
}
