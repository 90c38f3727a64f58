/**
 * The Job that migrates the schema of the store. Its name changes with the image and the configuration, so each version
 * of Troupe runs it once. It changes nothing if the schema is up to date. With `data.logins: component` it also makes the logins
 * of the nodes, and no other pod has the one with which it does.
 */
import type { JobSpec } from 'kubernetes-types/batch/v1.d.ts';
import type { PodTemplateSpec } from 'kubernetes-types/core/v1.d.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { fingerprint } from '../lib/fingerprint.ts';
import { configMap, storeSettings } from './configuration.ts';
import { type KubernetesObject, metadata, selectorLabels } from './kubernetes-object.ts';
import { lifetimeOf } from './lifetime.ts';
import { cassandraProjections, configProjection } from './mounts.ts';
import { podTemplate } from './pods.ts';
import { priorityClassName, serviceAccount } from './workload.ts';

const component = 'migrate';
const name = 'troupe-migrate';
/** Allows for a ring that is still starting. */
const activeDeadlineSeconds = 1_800;

export function migrateObjects(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const settings = configMap(environment, component, name, storeSettings(environment));
  // A Job is immutable, so any difference must create a new one.
  const { logins, loginsRotation } = environment.data;
  const rotation = logins === 'component' ? [loginsRotation] : [];
  const mark = fingerprint(template(environment, ''), settings.data, ...rotation);
  const spec: JobSpec = { backoffLimit: 20, activeDeadlineSeconds, template: template(environment, mark) };
  return [
    serviceAccount(environment, component, name),
    settings,
    { apiVersion: 'batch/v1', kind: 'Job', metadata: metadata(environment, component, `${name}-${mark}`), spec },
  ];
}

function template(environment: KubernetesEnvironment, mark: string): PodTemplateSpec {
  const { metadata: labels, spec } = podTemplate(environment, {
    component,
    name,
    image: environment.image,
    command: 'migrate',
    labels: {},
    selector: selectorLabels(environment, component),
    fingerprint: mark,
    files: [configProjection(name), ...cassandraProjections(environment)],
    resources: { cpuMilli: 500, memoryMb: 512 },
    lifetime: lifetimeOf(1, { served: false }),
    priorityClassName: priorityClassName(environment, 'shards'),
    placement: environment.shards,
    revisionLabel: 'pod-template-hash',
  });
  return { ...(labels && { metadata: labels }), ...(spec && { spec: { ...spec, restartPolicy: 'OnFailure' } }) };
}
