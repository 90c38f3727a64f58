/**
 * The objects of an environment as YAML, for teams that apply them with Argo CD, Flux or kubectl: a folder per stack, a
 * file per object, and a kustomization.yaml in each folder for overlays.
 */
import { stringify } from 'yaml';
import type { KubernetesEnvironment } from './config/environment.ts';
import { inOrder, objectId } from './lib/kube-objects.ts';
import { objectsByStack } from './objects/by-stack.ts';
import type { KubernetesObject } from './objects/kubernetes-object.ts';

/** First line of every generated file. It identifies a folder that we may overwrite. */
export const firstLine = '# Rendered by `npm run infra:render` of Troupe. Changes here are lost: edit the environment.';
export const kustomizationFile = 'kustomization.yaml';

function yamlOf(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

function kustomization(resources: readonly string[]): string {
  const content = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources };
  return `${firstLine}\n${yamlOf(content)}`;
}

/** File contents by path. */
export function renderedFiles(environment: KubernetesEnvironment): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const stacks = objectsByStack(environment);
  for (const [stack, objects] of stacks) {
    const names = inOrder(objects).map((object) => {
      const name = `${objectId(object, environment.namespace)}.yaml`;
      files.set(`${stack}/${name}`, `${firstLine}\n${yamlOf(object)}`);
      return name;
    });
    files.set(`${stack}/${kustomizationFile}`, kustomization(names));
  }
  files.set(kustomizationFile, kustomization([...stacks.keys()]));
  return files;
}

/** All objects as one YAML stream, in the order in which they can be applied. */
export function renderedStream(environment: KubernetesEnvironment): string {
  const objects: readonly KubernetesObject[] = [...objectsByStack(environment).values()].flat();
  return inOrder(objects)
    .map((object) => `---\n${yamlOf(object)}`)
    .join('');
}
